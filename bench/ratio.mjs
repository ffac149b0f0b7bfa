// Ratios for hot paths: contenders run interleaved in one process, slices of fixed work, the order turned each round; what is
// printed is the lower-quartile time of a slice and the median over rounds of the paired ratio to the first contender.
import { cpus, loadavg } from "node:os";

/** @param contenders name → function doing one operation, the first being the one the ratio is to */
export async function ratios(title, contenders, { rounds = 25, sliceMs = 8 } = {}) {
  const names = Object.keys(contenders);
  const runs = new Map();
  for (const name of names) {
    const run = contenders[name];
    let count = 1;
    for (;;) {
      const took = await time(run, count);
      if (took > sliceMs) break;
      count = Math.max(count + 1, Math.ceil((count * sliceMs) / Math.max(took, sliceMs / 10)));
    }
    runs.set(name, { run, count, times: [] });
  }
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < names.length; i++) {
      const entry = runs.get(names[(i + round) % names.length]);
      entry.times.push((await time(entry.run, entry.count)) / entry.count);
    }
  const [first] = names;
  console.log(`\n${title} (load ${loadavg()[0].toFixed(1)} on ${cpus().length}, node ${process.version})`);
  for (const name of names) {
    const { times } = runs.get(name);
    const paired = times.map((t, i) => runs.get(first).times[i] / t);
    const micros = quantile(times, 0.25) * 1000;
    console.log(
      `  ${name.padEnd(34)} ${micros.toFixed(2).padStart(10)} µs   x${quantile(paired, 0.5).toFixed(2)}`,
    );
  }
}

async function time(run, count) {
  const from = performance.now();
  for (let i = 0; i < count; i++) {
    const pending = run();
    if (pending instanceof Promise) await pending;
  }
  return performance.now() - from;
}

function quantile(values, part) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];
}
