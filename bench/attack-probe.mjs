// Loaded into the node under attack (node --expose-gc --import): tells the delay of its event loop and its memory over the
// channel of the process that started it. Does nothing to the node but that.
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let peakRss = 0;
let atPeak = {};
const look = setInterval(() => {
  const rss = process.memoryUsage.rss();
  if (rss <= peakRss) return;
  peakRss = rss;
  atPeak = process.memoryUsage();
}, 50);
look.unref();
const faults = { rejections: 0, exceptions: 0 };
process.on("unhandledRejection", () => faults.rejections++);
process.on("uncaughtExceptionMonitor", () => faults.exceptions++);

process.on("message", (order) => {
  if (order === "reset") {
    delay.reset();
    peakRss = 0;
  }
  if (order === "collect") globalThis.gc?.();
  // what the monitor adds of its own is its resolution
  const ms = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  process.send?.({
    p99: delay.count === 0 ? 0 : ms(delay.percentile(99)),
    max: delay.count === 0 ? 0 : ms(delay.max),
    rss: process.memoryUsage.rss(),
    peakRss,
    atPeak,
    ...faults,
  });
});
process.channel?.unref();
