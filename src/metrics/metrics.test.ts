import { expect, test } from "vitest";
import { Metrics } from "./index.ts";

test("Prometheus' text: help, type, labels escaped, histograms cumulative", async () => {
  const metrics = new Metrics();
  const set = metrics.set("rpc", {
    calls: { kind: "counter", doc: "Calls answered.", labels: ["method", "result"] },
    open: { kind: "gauge", doc: "Open now." },
    seconds: { kind: "histogram", doc: "Time taken.", buckets: [0.1, 1] },
  });
  set.add("calls", ["eth_call", "ok"]);
  set.add("calls", ["eth_call", "ok"], 2);
  set.add("calls", ['we"ird\n\\', "failed"]);
  set.set("open", 5);
  for (const value of [0.05, 0.1, 0.5, 7]) set.observe("seconds", value);
  expect(await metrics.text()).toBe(
    [
      "# HELP glim_rpc_calls Calls answered.",
      "# TYPE glim_rpc_calls counter",
      'glim_rpc_calls{method="eth_call",result="ok"} 3',
      'glim_rpc_calls{method="we\\"ird\\n\\\\",result="failed"} 1',
      "# HELP glim_rpc_open Open now.",
      "# TYPE glim_rpc_open gauge",
      "glim_rpc_open 5",
      "# HELP glim_rpc_seconds Time taken.",
      "# TYPE glim_rpc_seconds histogram",
      'glim_rpc_seconds_bucket{le="0.1"} 2',
      'glim_rpc_seconds_bucket{le="1"} 3',
      'glim_rpc_seconds_bucket{le="+Inf"} 4',
      "glim_rpc_seconds_sum 7.65",
      "glim_rpc_seconds_count 4",
      "",
    ].join("\n"),
  );
  expect(await metrics.tree()).toEqual({
    rpc: {
      calls: { "eth_call/ok": 3, 'we"ird\n\\/failed': 1 },
      open: 5,
      seconds: { count: 4, sum: 7.65 },
    },
  });
});

test("labels that others choose are bounded: past 1,000 series they are counted together", async () => {
  const metrics = new Metrics();
  const set = metrics.set("x", { seen: { kind: "counter", doc: "Seen.", labels: ["name"] } });
  for (let n = 0; n < 5_000; n++) set.add("seen", [`${n}${"y".repeat(100)}`]);
  const all = set.seriesOf("seen");
  expect(all).toHaveLength(1_001);
  expect(all.find(({ labels }) => labels[0] === "other")?.value).toBe(4_000);
  expect(Math.max(...all.map(({ labels }) => labels[0]?.length ?? 0))).toBe(64);
});

test("collectors are asked before each printing, until they are taken away; one that fails harms nobody", async () => {
  const metrics = new Metrics();
  const set = metrics.set("x", { now: { kind: "gauge", doc: "Now." } });
  let asked = 0;
  metrics.onCollect(() => Promise.reject(new Error("broken")));
  const collector = metrics.onCollect(() => set.set("now", ++asked));
  expect(await metrics.text()).toContain("glim_x_now 1\n");
  expect(await metrics.text()).toContain("glim_x_now 2\n");
  collector[Symbol.dispose]();
  expect(await metrics.text()).toContain("glim_x_now 2\n");
  expect(metrics.set("x", { now: { kind: "gauge", doc: "Now." } })).toBe(set);
});
