// How long a newcomer waits: from `npm start` to the first proven balance, compilation included, in a fresh clone
// of what is committed, after `npm ci`.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLoad, flags, median, root } from "./kit.mjs";

const options = flags("node bench/start.mjs: seconds from `npm start` to the first proven balance", {
  runs: 3,
  line: "^ *balance ", // what the line of the first proven balance looks like
  goal: 10,
  busy: "no",
});
checkLoad(options.busy);
const pattern = new RegExp(options.line, "m");
const seconds = [];
for (let run = 0; run < options.runs; run++) {
  const home = mkdtempSync(join(tmpdir(), "glim-start-"));
  const folder = join(home, "glim");
  must(spawnSync("git", ["clone", "-q", root, folder]), "git clone");
  must(spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--silent"], { cwd: folder }), "npm ci");
  seconds.push(await firstLine(folder));
  console.log(`run ${run + 1}: ${seconds.at(-1).toFixed(1)} s`);
  rmSync(home, { recursive: true, force: true });
}
console.log(`median ${median(seconds).toFixed(1)} s to the first proven balance, goal ${options.goal} s`);
process.exit(median(seconds) <= options.goal ? 0 : 1);

function must(result, what) {
  if (result.status !== 0) throw new Error(`${what} failed: ${result.stderr}`);
}

function firstLine(folder) {
  return new Promise((resolve, reject) => {
    const from = process.hrtime.bigint();
    // A process group of its own, so that npm and the node under it end together.
    const child = spawn("npm", ["start"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const end = () => {
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    };
    process.once("exit", end);
    let text = "";
    let took;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => {
        text += chunk;
        if (took !== undefined || !pattern.test(text)) return;
        took = Number(process.hrtime.bigint() - from) / 1e9;
        end();
      });
    child.once("close", () => {
      process.off("exit", end);
      if (took === undefined) reject(new Error(`it ended without a line like /${options.line}/:\n${text}`));
      else resolve(took);
    });
  });
}
