/** One figure: what it counts, and by what it is told apart. */
export interface MetricRow {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly doc: string;
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending; seconds or bytes, as the name says. */
  readonly buckets?: readonly number[];
}

export type MetricTable = Readonly<Record<string, MetricRow>>;

interface Series {
  readonly labels: readonly string[];
  value: number;
  /** Of a histogram: how many fell into each bucket, the last one open. */
  readonly buckets: number[];
  count: number;
}

/** BOUNDED: series of one figure; what comes after them is counted under `other`. */
const MAX_SERIES = 1_000;
const OTHER = "other";
/** Label texts longer than this are cut. */
const MAX_LABEL = 64;

/** The figures of one room. Names of the table are checked by the compiler, labels by their number. */
export class MetricSet<Table extends MetricTable = MetricTable> {
  readonly name: string;
  readonly table: Table;
  readonly #series = new Map<string, Map<string, Series>>();

  constructor(name: string, table: Table) {
    this.name = name;
    this.table = table;
    for (const metric of Object.keys(table)) this.#series.set(metric, new Map());
  }

  /** Counts. */
  add(metric: keyof Table & string, labels: readonly string[] = [], by = 1): void {
    this.#at(metric, labels).value += by;
  }

  /** Says how much there is now. */
  set(metric: keyof Table & string, value: number, labels: readonly string[] = []): void {
    this.#at(metric, labels).value = value;
  }

  /** Puts one value into its bucket. */
  observe(metric: keyof Table & string, value: number, labels: readonly string[] = []): void {
    const series = this.#at(metric, labels);
    const bounds = this.table[metric]?.buckets ?? [];
    const found = bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? bounds.length : found;
    series.buckets[at] = (series.buckets[at] ?? 0) + 1;
    series.count++;
    series.value += value;
  }

  /** Forgets the series of a gauge whose labels come and go, before they are set anew. */
  clear(metric: keyof Table & string): void {
    this.#series.get(metric)?.clear();
  }

  /** Every series of one figure. */
  seriesOf(metric: keyof Table & string): readonly Readonly<Series>[] {
    return [...(this.#series.get(metric)?.values() ?? [])];
  }

  #at(metric: string, labels: readonly string[]): Series {
    const all = this.#series.get(metric);
    if (all === undefined) throw new TypeError(`no metric ${this.name}/${metric}`);
    const key = labels.length === 1 ? (labels[0] ?? "") : labels.join("\0");
    const known = all.get(key);
    if (known !== undefined) return known;
    const row = this.table[metric];
    if (all.size >= MAX_SERIES && key !== this.#otherKey(labels))
      return this.#at(
        metric,
        labels.map(() => OTHER),
      );
    const buckets = row?.buckets === undefined ? [] : new Array<number>(row.buckets.length + 1).fill(0);
    const series = { labels: labels.map((text) => text.slice(0, MAX_LABEL)), value: 0, buckets, count: 0 };
    all.set(key, series);
    return series;
  }

  #otherKey(labels: readonly string[]): string {
    return labels.map(() => OTHER).join("\0");
  }
}
