// Runs the suite http-cache-tests against an address and prints one line a test: kind, name,
// `pass` or why not. Tests for browsers alone are left out.
//
// node cache_suite.mjs FOLDER-OF-NODE_MODULES ADDRESS

import { pathToFileURL } from 'node:url'
import { createRequire } from 'node:module'
import path from 'node:path'

const [folder, base] = process.argv.slice(2)
const suite = (file) => import(pathToFileURL(path.join(folder, 'http-cache-tests', file)))
const fetch = createRequire(path.join(folder, 'x.js'))('node-fetch')

const sets = (await suite('tests/index.mjs')).default
sets.push((await suite('tests/surrogate-control.mjs')).default)
const { runTests, getResults } = await suite('client/runner.mjs')
await runTests(sets, fetch, false, base)
const results = getResults()
for (const test of sets.flatMap((set) => set.tests).filter((test) => !test.browser_only)) {
  const result = results[test.id]
  const told = result === true ? 'pass' : String(result && result[1]).replace(/\s+/g, ' ')
  console.log([test.kind || 'required', test.id, told].join('\t'))
}
