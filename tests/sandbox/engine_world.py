"""What a user of Glue, EMR and EMR Serverless has: a bucket with a script, a role, and the patience to poll."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable
from typing import Any

from tests.sandbox.transfer_world import World

SLEEP = "import time; time.sleep(600)"
_SECONDS = 120
GLUE, SERVERLESS = "glue.amazonaws.com", "emr-serverless.amazonaws.com"
_GLUE_ENDED = {"STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT"}
_SERVERLESS_ENDED = {"SUCCESS", "FAILED", "CANCELLED"}
_names = itertools.count()


class EngineWorld(World):
    """The target account, with boto3 as its administrator would use it."""

    def __init__(self, sandbox: Any) -> None:
        super().__init__(sandbox)
        self.s3, self.iam = self.target("s3"), self.target("iam")
        self.store = self.bucket()

    def upload(self, script: str | bytes, name: str = "job.py") -> str:
        self.s3.put_object(Bucket=self.store, Key=name, Body=script)
        return f"s3://{self.store}/{name}"

    def role(self, service: str, *actions: str, trust: dict[str, Any] | None = None) -> str:
        """A role that a service may assume, with S3 actions (all of them, unless given) on the bucket."""
        name = f"engine-{next(_names)}"
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **(trust or {})}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": list(actions or ["s3:*"]), "Resource": f"arn:aws:s3:::{self.store}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return str(arn)

    def profile(self, role_arn: str) -> str:
        name = f"profile-{next(_names)}"
        self.iam.create_instance_profile(InstanceProfileName=name)
        self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role_arn.rpartition("/")[2])
        return name

    def fault(self, kind: str, **more: Any) -> None:
        assert not self.sandbox.faults.replace({"rules": [{"kind": kind, **more}]})

    def log(self, group: str, stream: str) -> str:
        events = self.target("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        return "\n".join(event["message"] for event in events["events"])

    def object(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.store, Key=key)["Body"].read()
        return body


def until(look: Callable[[], Any], reached: Callable[[Any], bool]) -> Any:
    """What `look` gives when it is what is waited for."""
    end = time.monotonic() + _SECONDS
    while not reached(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Glue(EngineWorld):
    """Jobs and runs of Glue."""

    def __init__(self, sandbox: Any) -> None:
        super().__init__(sandbox)
        self.glue = self.target("glue")

    def definition(self, script: str, **more: Any) -> dict[str, Any]:
        command = {"Name": "glueetl", "ScriptLocation": self.upload(script), "PythonVersion": "3"}
        usual = {"Role": self.role(GLUE), "GlueVersion": "5.1", "WorkerType": "G.1X", "NumberOfWorkers": 2}
        return {**usual, "Command": command, **more}

    def job(self, script: str = "", name: str = "job", **more: Any) -> str:
        return str(self.glue.create_job(Name=name, **self.definition(script, **more))["Name"])

    def start(self, name: str = "job", **more: Any) -> str:
        return str(self.glue.start_job_run(JobName=name, **more)["JobRunId"])

    def look(self, run: str) -> Any:
        return self.glue.get_job_run(JobName="job", RunId=run)["JobRun"]

    def ended(self, run: str) -> Any:
        return until(lambda: self.look(run), lambda found: found["JobRunState"] in _GLUE_ENDED)

    def running(self, run: str) -> Any:
        return until(lambda: self.look(run), lambda found: found["JobRunState"] != "STARTING")


class Serverless(EngineWorld):
    """An application of EMR Serverless and its runs."""

    def __init__(self, sandbox: Any) -> None:
        super().__init__(sandbox)
        self.emr = self.target("emr-serverless")
        wish = {"name": "ours", "releaseLabel": "emr-7.11.0", "type": "SPARK", "clientToken": "token"}
        self.id = self.emr.create_application(**wish, tags={"a": "1"})["applicationId"]
        self.reach("CREATED")

    def application(self) -> Any:
        return self.emr.get_application(applicationId=self.id)["application"]

    def reach(self, state: str) -> None:
        until(self.application, lambda found: found["state"] == state)

    def wish(self, script: str, role: str = "", **more: Any) -> dict[str, Any]:
        driver = {
            "entryPoint": self.upload(script),
            "entryPointArguments": ["--a", "b"],
            "sparkSubmitParameters": "--conf spark.executor.cores=4",
        }
        logs = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"s3://{self.store}/logs/"}}}
        return {
            "applicationId": self.id,
            "executionRoleArn": role or self.role(SERVERLESS),
            "jobDriver": {"sparkSubmit": driver},
            "configurationOverrides": logs,
            **more,
        }

    def start(self, script: str, role: str = "", **more: Any) -> str:
        return str(self.emr.start_job_run(**self.wish(script, role, **more))["jobRunId"])

    def look(self, run: str) -> Any:
        return self.emr.get_job_run(applicationId=self.id, jobRunId=run)["jobRun"]

    def ended(self, run: str) -> Any:
        return until(lambda: self.look(run), lambda found: found["state"] in _SERVERLESS_ENDED)
