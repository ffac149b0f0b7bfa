// long: samples and their cache, for prices, tips and histories alike
import { type Body, type Header, type Receipt, senderOf } from "#core/types";
import type { ChainConfig } from "#params";
import { equalBytes, LruMap, type MaybePromise, toHex } from "#util";
import { baseFeeAfter, blobBaseFeeOf, maxBlobGasOf, nextExcessBlobGas } from "./base-fee.ts";
import { GasPriceError } from "./errors.ts";
import { type BlockFees, effectiveTip, rewardsOf } from "./fee-history.ts";

/** The caller's end of a question. */
interface Context {
  readonly signal: AbortSignal;
}

/** What the oracle reads. */
export interface GasPriceBackend {
  readonly kind: "light" | "full";
  readonly chainConfig: ChainConfig;
  head(): Header;
  headerByNumber(number: number, ctx: Context): MaybePromise<Header | undefined>;
  body(header: Header, ctx: Context): Promise<Body>;
  receipts(header: Header, ctx: Context): Promise<readonly Receipt[]>;
}

/** How the oracle samples. Defaults: geth eth/ethconfig/config.go FullNodeGPO, LightClientGPO @v1.11.6. */
export interface GasPriceConfig {
  /** Newest blocks that are sampled (full 20, light 2). */
  readonly blocks: number;
  /** Percentile of the sampled tips, 0 … 100. */
  readonly percentile: number;
  /** Most blocks of one fee history without rewards; more are cut off (RP-17: 1,024). */
  readonly maxHeaderHistory: number;
  /** The same with rewards, which need bodies and receipts (full 1,024; light 64: each block costs two retrievals). */
  readonly maxBlockHistory: number;
  /** Most percentiles of one fee history (100). */
  readonly maxPercentiles: number;
  /** Said while no block has a sample, wei. */
  readonly defaultPrice: bigint;
  /** Never said more, wei. */
  readonly maxPrice: bigint;
  /** Tips below are not sampled, wei. */
  readonly ignorePrice: bigint;
}

const GWEI = 1_000_000_000n;

/** The defaults of a kind of node. */
export function gasPriceDefaults(kind: "light" | "full"): GasPriceConfig {
  const isLight = kind === "light";
  return {
    blocks: isLight ? 2 : 20,
    percentile: 60,
    maxHeaderHistory: 1_024,
    maxBlockHistory: isLight ? 64 : 1_024,
    maxPercentiles: 100,
    defaultPrice: GWEI,
    maxPrice: 500n * GWEI,
    ignorePrice: 2n,
  };
}

/** A fee history. `baseFee` has one entry more than blocks: the next block's. */
export interface FeeHistory {
  readonly oldestBlock: number;
  readonly reward?: readonly (readonly bigint[])[] | undefined;
  readonly baseFee: readonly bigint[];
  readonly gasUsedRatio: readonly number[];
  readonly blobBaseFee: readonly bigint[];
  readonly blobGasUsedRatio: readonly number[];
}

/** Transactions sampled in a block (geth sampleNumber). */
const SAMPLES_PER_BLOCK = 3;
/** Blocks retrieved at once (geth maxBlockFetchers). */
const FETCHERS = 4;

/** Suggests tips and tells fee histories. Stateless but for two bounded caches. */
export class GasPriceOracle {
  readonly #backend: GasPriceBackend;
  readonly #config: GasPriceConfig;
  #lastHead: Uint8Array | undefined;
  #lastPrice: bigint;
  #fetching: { readonly head: Uint8Array; readonly price: Promise<bigint> } | undefined;
  /** BOUNDED: 2,048 blocks. Keyed by block hash and percentiles, so a reorg cannot make it wrong. */
  readonly #history = new LruMap<string, BlockFees>(2_048);

  constructor(backend: GasPriceBackend, config: Partial<GasPriceConfig> = {}) {
    this.#backend = backend;
    this.#config = { ...gasPriceDefaults(backend.kind), ...config };
    this.#lastPrice = this.#config.defaultPrice;
  }

  /** A tip that gets a transaction into the next blocks (eth_maxPriorityFeePerGas), wei. */
  async suggestTip(ctx: Context): Promise<bigint> {
    const head = this.#backend.head();
    if (this.#lastHead !== undefined && equalBytes(this.#lastHead, head.hash)) return this.#lastPrice;
    const running = this.#fetching;
    if (running !== undefined && equalBytes(running.head, head.hash)) {
      try {
        return await running.price;
      } catch (error) {
        if (ctx.signal.aborted) throw error; // otherwise it was the other caller's end: ask ourselves
      }
    }
    const price = this.#sample(head, ctx);
    this.#fetching = { head: head.hash, price };
    try {
      const tip = await price;
      this.#lastHead = head.hash;
      this.#lastPrice = tip;
      return tip;
    } finally {
      if (this.#fetching?.price === price) this.#fetching = undefined;
    }
  }

  /** What eth_gasPrice says: the tip on top of the head's base fee, wei. */
  async suggestPrice(ctx: Context): Promise<bigint> {
    const tip = await this.suggestTip(ctx);
    return tip + (this.#backend.head().baseFee ?? 0n);
  }

  async #sample(head: Header, ctx: Context): Promise<bigint> {
    const { blocks, percentile, maxPrice } = this.#config;
    const tips: bigint[] = [];
    let number = head.number;
    let waiting = Math.min(blocks, number);
    // geth asks for `blocks`, and for up to as many again while blocks give at most one sample
    while (waiting > 0) {
      const round = Array.from({ length: waiting }, (_, i) => number - i);
      number -= waiting;
      const values = await Promise.all(round.map((n) => this.#blockTips(n, ctx)));
      let more = 0;
      values.forEach((found, i) => {
        const samples = found.length === 0 ? [this.#lastPrice] : found;
        const left = values.length - i - 1 + more;
        if (samples.length === 1 && tips.length + 1 + left < blocks * 2 && number - more > 0) more++;
        tips.push(...samples);
      });
      waiting = more;
    }
    if (tips.length === 0) return this.#lastPrice < maxPrice ? this.#lastPrice : maxPrice;
    tips.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const price = tips[Math.floor(((tips.length - 1) * percentile) / 100)] ?? this.#lastPrice;
    return price < maxPrice ? price : maxPrice;
  }

  /** The lowest tips of a block that are not its author's own. */
  async #blockTips(number: number, ctx: Context): Promise<bigint[]> {
    const header = await this.#backend.headerByNumber(number, ctx);
    if (header === undefined) return [];
    const { transactions } = await this.#backend.body(header, ctx);
    const rows = transactions.map((tx) => ({ tx, tip: effectiveTip(tx, header.baseFee) }));
    rows.sort((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0));
    const tips: bigint[] = [];
    for (const { tx, tip } of rows) {
      if (tip < this.#config.ignorePrice) continue;
      if (equalBytes(senderOf(tx), header.coinbase)) continue;
      tips.push(tip);
      if (tips.length >= SAMPLES_PER_BLOCK) break;
    }
    return tips;
  }

  /**
   * Fees of the `blocks` blocks that end in `last`. Longer histories than allowed are cut, as geth does.
   * @param blocks a count, any size: compared before anything is allocated.
   * @throws GASPRICE_PERCENTILE, GASPRICE_BEYOND_HEAD
   */
  async feeHistory(
    blocks: bigint,
    last: number,
    percentiles: readonly number[],
    ctx: Context,
  ): Promise<FeeHistory> {
    this.#checkPercentiles(percentiles);
    const head = this.#backend.head();
    if (last > head.number) throw GasPriceError("BEYOND_HEAD", { requested: last, head: head.number });
    const most = percentiles.length > 0 ? this.#config.maxBlockHistory : this.#config.maxHeaderHistory;
    const count = Math.min(blocks > BigInt(most) ? most : Number(blocks), last + 1);
    const empty = { oldestBlock: 0, baseFee: [], gasUsedRatio: [], blobBaseFee: [], blobGasUsedRatio: [] };
    if (count <= 0) return empty;
    const oldestBlock = last + 1 - count;
    const fees: (BlockFees | undefined)[] = new Array(count).fill(undefined);
    let next = 0;
    const fetcher = async (): Promise<void> => {
      while (next < count) {
        const i = next++;
        fees[i] = await this.#blockFees(oldestBlock + i, percentiles, ctx);
      }
    };
    await Promise.all(Array.from({ length: Math.min(FETCHERS, count) }, fetcher));
    const missing = fees.indexOf(undefined); // the head moved back while we read
    const rows = fees.slice(0, missing === -1 ? count : missing).filter((row) => row !== undefined);
    const newest = rows.at(-1);
    if (newest === undefined) return empty;
    return {
      oldestBlock,
      ...(percentiles.length > 0 ? { reward: rows.map((row) => row.reward ?? []) } : {}),
      baseFee: [...rows.map((row) => row.baseFee), newest.nextBaseFee],
      gasUsedRatio: rows.map((row) => row.gasUsedRatio),
      blobBaseFee: [...rows.map((row) => row.blobBaseFee), newest.nextBlobBaseFee],
      blobGasUsedRatio: rows.map((row) => row.blobGasUsedRatio),
    };
  }

  #checkPercentiles(percentiles: readonly number[]): void {
    const { maxPercentiles } = this.#config;
    if (percentiles.length > maxPercentiles)
      throw GasPriceError("PERCENTILE", { reason: `over the query limit ${maxPercentiles}` });
    percentiles.forEach((percentile, i) => {
      if (!(percentile >= 0 && percentile <= 100))
        throw GasPriceError("PERCENTILE", { reason: percentile.toFixed(6) });
      const before = percentiles[i - 1];
      if (before !== undefined && percentile <= before) {
        throw GasPriceError("PERCENTILE", {
          reason: `#${i - 1}:${before.toFixed(6)} >= #${i}:${percentile.toFixed(6)}`,
        });
      }
    });
  }

  async #blockFees(
    number: number,
    percentiles: readonly number[],
    ctx: Context,
  ): Promise<BlockFees | undefined> {
    const header = await this.#backend.headerByNumber(number, ctx);
    if (header === undefined) return undefined;
    const key = `${toHex(header.hash)}/${percentiles.join(",")}`;
    const known = this.#history.get(key);
    if (known !== undefined) return known;
    const config = this.#backend.chainConfig;
    const maxBlobGas = maxBlobGasOf(config, header);
    const base: BlockFees = {
      baseFee: header.baseFee ?? 0n,
      nextBaseFee: baseFeeAfter(config, header) ?? 0n,
      gasUsedRatio: header.gasLimit === 0n ? 0 : Number(header.gasUsed) / Number(header.gasLimit),
      blobBaseFee: blobBaseFeeOf(config, header),
      nextBlobBaseFee: blobBaseFeeOf(config, header, nextExcessBlobGas(config, header)),
      blobGasUsedRatio:
        header.blobGasUsed === undefined || maxBlobGas === 0n
          ? 0
          : Number(header.blobGasUsed) / Number(maxBlobGas),
    };
    const fees =
      percentiles.length === 0 ? base : { ...base, reward: await this.#rewards(header, percentiles, ctx) };
    this.#history.set(key, fees);
    return fees;
  }

  async #rewards(header: Header, percentiles: readonly number[], ctx: Context): Promise<bigint[]> {
    const [body, receipts] = await Promise.all([
      this.#backend.body(header, ctx),
      this.#backend.receipts(header, ctx),
    ]);
    return rewardsOf(header, body, receipts, percentiles);
  }
}
