// copy-dynamodb-table as its README uses it. Usage: node peers_copy.js URL SOURCE TARGET, with NODE_PATH.
'use strict'
const [url, source, target] = process.argv.slice(2)
const config = { region: 'eu-west-1', endpoint: url, accessKeyId: 'AKID', secretAccessKey: 'secret' }
require('copy-dynamodb-table').copy(
  { config, source: { tableName: source }, destination: { tableName: target }, log: false },
  (error) => {
    if (!error) return
    console.error(error)
    process.exit(1)
  }
)
