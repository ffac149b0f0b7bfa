import { getHeapSnapshot } from "node:v8";
import type { Clock } from "#host";
import { ProcessMeter } from "#host/node";
import type { Metrics } from "#metrics";
import { type Page, type Pages, writeJson } from "#rpc";
import { metricTables } from "./metric-tables.ts";
import type { CpuProfiler } from "./profiler.ts";
import type { Health } from "./vitals.ts";

/** Figures of the process, read when they are asked for. */
export function collectProcess(metrics: Metrics): Disposable {
  const set = metrics.set("process", metricTables.process);
  const meter = new ProcessMeter();
  const collector = metrics.onCollect(() => {
    const now = meter.read();
    set.set("resident_bytes", now.residentBytes);
    set.set("heap_used_bytes", now.heapUsedBytes);
    set.set("heap_total_bytes", now.heapTotalBytes);
    set.set("external_bytes", now.externalBytes);
    set.set("array_buffer_bytes", now.arrayBufferBytes);
    set.set("cpu_user_seconds", now.cpuUserSeconds);
    set.set("cpu_system_seconds", now.cpuSystemSeconds);
    set.set("uptime_seconds", now.uptimeSeconds);
    set.set("start_time_seconds", now.startedAt);
    if (now.openFiles !== undefined) set.set("open_files", now.openFiles);
    set.set("loop_delay_mean_seconds", now.loopDelayMeanSeconds);
    set.set("loop_delay_max_seconds", now.loopDelayMaxSeconds);
    set.set("lost_threads", now.lostThreads);
  });
  return {
    [Symbol.dispose]() {
      collector[Symbol.dispose]();
      meter[Symbol.dispose]();
    },
  };
}

const asJson = (status: number, value: unknown): Page => ({
  status,
  type: "application/json",
  body: `${writeJson(value)}\n`,
});

/** `/health`, `/health/ready`, `/health/live`: 200 or 503, with the reasons. */
export function healthPages(health: () => Health): Pages {
  return (path) => {
    if (path !== "/health" && path !== "/health/ready" && path !== "/health/live") return undefined;
    return () => {
      const { isLive, isReady, reasons, peers, head, syncing } = health();
      const isGood = path === "/health/live" ? isLive : isReady;
      const status = isReady ? "ready" : isLive ? "not ready" : "not live";
      return asJson(isGood ? 200 : 503, { status, reasons, peers, head, syncing: syncing ?? false });
    };
  };
}

/** Prometheus' text, at its own path and at geth's; the same as JSON at geth's `/debug/metrics`. */
export function metricsPages(metrics: Metrics): Pages {
  return (path) => {
    if (path === "/metrics" || path === "/debug/metrics/prometheus")
      return async () => ({ status: 200, type: "text/plain; version=0.0.4", body: await metrics.text() });
    return path === "/debug/metrics" ? async () => asJson(200, await metrics.tree()) : undefined;
  };
}

/** A profile longer than this is none that somebody waits for. */
const MAX_PROFILE_SECONDS = 300;

/** `/debug/pprof/profile?seconds=N` (a CPU profile, default 30 s) and `/debug/pprof/heap` (a heap snapshot). */
export function profilePages(
  profiler: CpuProfiler,
  clock: Clock,
  mayShowHeap: () => Promise<boolean>,
): Pages {
  const cpu = async (seconds: number, signal: AbortSignal): Promise<Page> => {
    try {
      await profiler.start();
    } catch (error) {
      return asJson(409, { error: error instanceof Error ? error.message : String(error) });
    }
    try {
      await clock.sleep(seconds * 1_000, { signal });
    } finally {
      if (signal.aborted) await profiler.stop();
    }
    return {
      status: 200,
      type: "application/json",
      body: await profiler.stop(),
      fileName: "glim.cpuprofile",
    };
  };
  const heap = async (): Promise<Page> => {
    if (!(await mayShowHeap()))
      return asJson(403, { error: "an account is unlocked: its key would be in the snapshot" });
    return { status: 200, type: "application/json", body: getHeapSnapshot(), fileName: "glim.heapsnapshot" };
  };
  return (path, query, signal) => {
    if (path === "/debug/pprof" || path === "/debug/pprof/")
      return () => asJson(200, { profile: "/debug/pprof/profile?seconds=30", heap: "/debug/pprof/heap" });
    if (path === "/debug/pprof/profile") {
      const seconds = Number(query.get("seconds") ?? 30);
      if (!(seconds > 0 && seconds <= MAX_PROFILE_SECONDS))
        return () => asJson(400, { error: `seconds: want a number up to ${MAX_PROFILE_SECONDS}` });
      return () => cpu(seconds, signal);
    }
    return path === "/debug/pprof/heap" ? heap : undefined;
  };
}

/** The first page of several that has the path. */
export function firstOf(...all: readonly Pages[]): Pages {
  return (path, query, signal) => {
    for (const pages of all) {
      const found = pages(path, query, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}
