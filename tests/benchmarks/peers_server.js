// dynalite, with answers to the few reads of `migrate plan` that it does not know, so that the whole command runs on it.
// Everything that has to do with items is dynalite's own. Usage: node peers_server.js PORT, with NODE_PATH.
'use strict'
const http = require('http')
const engine = require('dynalite')({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })

const IDENTITY =
  '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
  '<Arn>arn:aws:iam::000000000000:user/peers</Arn><UserId>peers</UserId><Account>000000000000</Account>' +
  '</GetCallerIdentityResult></GetCallerIdentityResponse>'

const ANSWERS = {
  DescribeContinuousBackups: [200, {
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
    },
  }],
  DescribeTimeToLive: [200, { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } }],
  DescribeKinesisStreamingDestination: [200, { KinesisDataStreamDestinations: [] }],
  ListContributorInsights: [200, { ContributorInsightsSummaries: [] }],
  GetResourcePolicy: [400, { __type: 'com.amazonaws.dynamodb.v20120810#PolicyNotFoundException' }],
  DescribeScalableTargets: [200, { ScalableTargets: [] }],
  DescribeScalingPolicies: [200, { ScalingPolicies: [] }],
  DescribeScheduledActions: [200, { ScheduledActions: [] }],
}

// dynalite drops the tags of CreateTable, by which `migrate` knows a table as its own.
const tags = {}
ANSWERS.ListTagsOfResource = [200, (asked) => ({ Tags: tags[asked.ResourceArn.split('/').pop()] || [] })]

function body(request, use) {
  let text = ''
  request.on('data', (part) => { text += part }).on('end', () => use(text))
}

http.createServer((request, response) => {
  const target = request.headers['x-amz-target']
  const operation = target && target.split('.').pop()
  if (operation === 'CreateTable') {
    body(request, (text) => { const made = JSON.parse(text); tags[made.TableName] = made.Tags })
  }
  const answer = ANSWERS[operation]
  if (target && !answer) return engine.emit('request', request, response)
  body(request, (text) => {
    response.writeHead(answer ? answer[0] : 200, { 'Content-Type': answer ? 'application/x-amz-json-1.0' : 'text/xml' })
    const said = answer && (typeof answer[1] === 'function' ? answer[1](JSON.parse(text)) : answer[1])
    response.end(answer ? JSON.stringify(said) : IDENTITY)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
