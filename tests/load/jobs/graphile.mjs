// Works jobs of graphile-worker. A line "N" on standard input lets it work N jobs; when
// the database knows that all are done it answers with a line of JSON: the number of
// each job and when it started, in milliseconds, if the line was "N started".
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import { createInterface } from "node:readline"

const preset = { worker: JSON.parse(process.argv[2]) }
const logger = new Logger(() => (level, message) => {
  if (level === "error" || level === "warning") console.error(message)
})

const utils = await makeWorkerUtils({ preset, logger })
await utils.migrate()
await utils.release()
console.log("[]")

async function work(count, wanted) {
  const started = []
  let ran = 0
  let finish
  const all = new Promise((resolve) => (finish = resolve))
  const runner = await run({
    preset,
    logger,
    noHandleSignals: true,
    parsedCronItems: [],
    taskList: {
      noop: (payload) => {
        if (wanted) started.push([payload.number, performance.timeOrigin + performance.now()])
        if (++ran === count) finish()
      },
    },
  })
  await Promise.race([all, runner.promise])
  await runner.stop() // which waits for what is being completed
  return started
}

for await (const line of createInterface({ input: process.stdin })) {
  const [count, wanted] = line.split(" ")
  console.log(JSON.stringify(await work(Number(count), wanted === "started")))
}
