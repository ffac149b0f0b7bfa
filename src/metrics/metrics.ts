import { type MetricRow, MetricSet, type MetricTable } from "./metric-set.ts";

type Json = number | { [name: string]: Json };

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

function labelText(
  names: readonly string[],
  values: readonly string[],
  more: readonly string[] = [],
): string {
  const pairs = [...names.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`), ...more];
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function histogramLines(name: string, row: MetricRow, set: MetricSet, metric: string): string[] {
  const { labels = [], buckets: bounds = [] } = row;
  return set.seriesOf(metric).flatMap((series) => {
    let total = 0;
    const lines = [...bounds, Number.POSITIVE_INFINITY].map((bound, index) => {
      total += series.buckets[index] ?? 0;
      const le = `le="${formatNumber(bound)}"`;
      return `${name}_bucket${labelText(labels, series.labels, [le])} ${total}`;
    });
    const own = labelText(labels, series.labels);
    return [
      ...lines,
      `${name}_sum${own} ${formatNumber(series.value)}`,
      `${name}_count${own} ${series.count}`,
    ];
  });
}

/** Every figure of a program, and who is asked for those that are read rather than counted. */
export class Metrics {
  readonly #sets: MetricSet[] = [];
  readonly #collectors = new Set<() => void | Promise<void>>();

  /** The figures of one room: `p2p` with `messages_in` is `glim_p2p_messages_in`. A name may be taken again: a node that restarts counts on. */
  set<const Table extends MetricTable>(name: string, table: Table): MetricSet<Table> {
    const known = this.#sets.find((one) => one.name === name);
    if (known !== undefined) return known as unknown as MetricSet<Table>; // as: a name belongs to one table
    const set = new MetricSet(name, table);
    this.#sets.push(set as unknown as MetricSet); // as: the registry prints any table
    return set;
  }

  /** Runs before each printing, to set gauges. A collector that throws leaves its figures as they were. */
  onCollect(collect: () => void | Promise<void>): Disposable {
    this.#collectors.add(collect);
    return { [Symbol.dispose]: () => void this.#collectors.delete(collect) };
  }

  async collect(): Promise<void> {
    await Promise.allSettled([...this.#collectors].map(async (collect) => collect()));
  }

  /** Prometheus' text form, version 0.0.4. */
  async text(): Promise<string> {
    await this.collect();
    const lines: string[] = [];
    for (const set of this.#sets)
      for (const [metric, row] of Object.entries(set.table)) {
        const name = `glim_${set.name}_${metric}`;
        lines.push(`# HELP ${name} ${row.doc.replaceAll("\n", " ")}`, `# TYPE ${name} ${row.kind}`);
        if (row.kind === "histogram") lines.push(...histogramLines(name, row, set, metric));
        else
          for (const { labels, value } of set.seriesOf(metric))
            lines.push(`${name}${labelText(row.labels ?? [], labels)} ${formatNumber(value)}`);
      }
    return `${lines.join("\n")}\n`;
  }

  /** The same as a tree of numbers, for debug_metrics: room, figure, labels. */
  async tree(): Promise<Json> {
    await this.collect();
    const tree: { [name: string]: { [name: string]: Json } } = {};
    for (const set of this.#sets) {
      const room: { [name: string]: Json } = {};
      for (const [metric, row] of Object.entries(set.table)) {
        const all = set.seriesOf(metric);
        const shown = (one: (typeof all)[number]): Json =>
          row.kind === "histogram" ? { count: one.count, sum: one.value } : one.value;
        const [only] = all;
        if (only === undefined) continue;
        room[metric] =
          only.labels.length === 0
            ? shown(only)
            : Object.fromEntries(all.map((one) => [one.labels.join("/"), shown(one)]));
      }
      tree[set.name] = room;
    }
    return tree;
  }
}
