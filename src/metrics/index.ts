/**
 * metrics: counters, gauges and histograms, declared in tables, printed for Prometheus.
 *
 *   const rpc = metrics.set("rpc", { calls: { kind: "counter", doc: "Calls answered.", labels: ["method"] } });
 *   rpc.add("calls", ["eth_blockNumber"]);
 *
 * A program that does not count has no `Metrics`, and whoever would count is not called: off costs nothing. Figures that
 * stand somewhere anyway (peers, the head, memory) are read when they are asked for, by collectors. Not here: who serves
 * the text (`#node`).
 */
export { type MetricRow, type MetricTable, MetricSet } from "./metric-set.ts";
export { Metrics } from "./metrics.ts";
