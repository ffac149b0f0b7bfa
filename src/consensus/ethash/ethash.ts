import {
  type BlockReader,
  ConsensusError,
  type Engine,
  type HeaderReader,
  type Signer,
  verifyForkFields,
  verifyGas,
  verifyLink,
  type VerifyOptions,
  verifyTime,
} from "#consensus";
import type { Block, Header, HeaderFields } from "#core/types";
import { type ChainConfig, MAX_EXTRA_SIZE } from "#params";
import { equalBytes, LruByteMap, utf8Encode } from "#util";
import { EPOCH_LENGTH } from "./algorithm.ts";
import { difficultyAt } from "./difficulty.ts";
import { EthashError } from "./errors.ts";
import { limits } from "./limits.ts";
import { type SealChecker, sealOf, type SealVerdict } from "./seal.ts";
import { checkUncles } from "./uncles.ts";
import { workerSealChecker } from "./worker-checker.ts";

export interface EthashOptions {
  /** Default: a thread of its own, where the built package runs. */
  readonly checker?: SealChecker | undefined;
  /** For chains that nobody worked for: everything of a header is checked but its seal (geth --fakepow). */
  readonly fakePow?: boolean | undefined;
}

const daoExtra = utf8Encode("dao-hard-fork");

/** Proof of work, verified and not mined. One instance may serve several chains. */
export class Ethash implements Engine {
  readonly name = "ethash";
  readonly #checker: SealChecker;
  readonly #isFake: boolean;
  /** Verdicts by header hash. BOUNDED: limits.sealsKept. */
  readonly #verdicts = new LruByteMap<{ readonly verdict: SealVerdict }>(limits.sealsKept);

  constructor(options: EthashOptions = {}) {
    this.#checker = options.checker ?? workerSealChecker();
    this.#isFake = options.fakePow ?? false;
  }

  author(header: Header): Uint8Array {
    return header.coinbase;
  }

  verifyHeader(chain: HeaderReader, header: Header, parent: Header, options: VerifyOptions): void {
    verifyTime(header, options.now);
    this.#verifyHeader(chain.config, header, parent);
  }

  verifySeal(_chain: HeaderReader, header: Header): void {
    this.#verifySeal(header);
  }

  #verifySeal(header: Header): void {
    const { number } = header;
    if (header.difficulty <= 0n) throw EthashError("INVALID_DIFFICULTY", { number });
    if (this.#isFake) return;
    if (number > (limits.maxEpoch + 1) * EPOCH_LENGTH - 1) throw EthashError("INVALID_POW", { number });
    let known = this.#verdicts.get(header.hash);
    if (known === undefined) {
      known = { verdict: this.#checker.checkNow(sealOf(header)) };
      this.#verdicts.set(header.hash, known);
    }
    if (known.verdict === "mix-digest") throw EthashError("INVALID_MIX_DIGEST", { number });
    if (known.verdict === "work") throw EthashError("INVALID_POW", { number });
  }

  verifyUncles(chain: BlockReader, block: Block): void {
    checkUncles(chain, block, (uncle, parent) => this.#verifyHeader(chain.config, uncle, parent));
  }

  /** Only of headers that stand on a known one: a number out of nowhere would be a cache out of nowhere. */
  async checkSeals(
    chain: HeaderReader,
    blocks: readonly Pick<Block, "header" | "uncles">[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#isFake) return;
    const wanted: Header[] = [];
    let parent: Header | undefined;
    for (const { header, uncles } of blocks) {
      parent ??= chain.headerByHash(header.parentHash);
      if (parent === undefined || !equalBytes(header.parentHash, parent.hash)) break;
      if (header.number !== parent.number + 1) break;
      for (const each of [header, ...uncles.slice(0, limits.maxUncles)])
        if (this.#isWorthAsking(each, header.number)) wanted.push(each);
      parent = header;
    }
    if (wanted.length === 0) return;
    options.signal?.throwIfAborted();
    const verdicts = await this.#checker.check(wanted.map(sealOf));
    options.signal?.throwIfAborted();
    if (verdicts.length !== wanted.length) return;
    for (const [index, { hash }] of wanted.entries()) this.#verdicts.set(hash, { verdict: verdicts[index] });
  }

  difficulty(chain: HeaderReader, parent: Header): bigint {
    return difficultyAt(chain.config, parent.time + 1, parent);
  }

  prepare(_chain: HeaderReader, _draft: HeaderFields, parent: Header): HeaderFields {
    throw EthashError("CANNOT_SEAL", { number: parent.number + 1 });
  }

  seal(_chain: HeaderReader, header: Header, _signer: Signer | undefined): Header {
    throw EthashError("CANNOT_SEAL", { number: header.number });
  }

  async close(): Promise<void> {
    await this.#checker.close();
  }

  #isWorthAsking(header: Header, near: number): boolean {
    const { number, difficulty, hash } = header;
    return (
      difficulty > 0n &&
      number <= near &&
      number >= near - limits.uncleGenerations &&
      number < (limits.maxEpoch + 1) * EPOCH_LENGTH &&
      !this.#verdicts.has(hash)
    );
  }

  /** All rules of a header but its distance from our clock, which an uncle does not have to keep. */
  #verifyHeader(config: ChainConfig, header: Header, parent: Header): void {
    const { number, time, extra } = header;
    verifyLink(header, parent);
    if (extra.length > MAX_EXTRA_SIZE)
      throw ConsensusError("EXTRA_TOO_LONG", { number, length: extra.length, max: MAX_EXTRA_SIZE });
    if (time <= parent.time) throw ConsensusError("INVALID_TIME", { number, time, parent: parent.time });
    const want = difficultyAt(config, time, parent);
    if (header.difficulty !== want)
      throw ConsensusError("INVALID_DIFFICULTY", { number, have: header.difficulty, want });
    verifyGas(config, header, parent);
    verifyForkFields(config, header);
    verifyDaoExtra(config, header);
    this.#verifySeal(header);
  }
}

/** The first blocks of both sides of the DAO fork say which they are (consensus/misc/dao.go:47@v1.11.6). */
function verifyDaoExtra(config: ChainConfig, { number, extra }: Header): void {
  const { daoForkBlock: fork } = config;
  if (fork === undefined || number < fork || number >= fork + limits.daoExtraRange) return;
  const isPro = equalBytes(extra, daoExtra);
  if (config.daoForkSupport === true && !isPro) throw EthashError("BAD_PRO_FORK_EXTRA", { number });
  if (config.daoForkSupport !== true && isPro) throw EthashError("BAD_NO_FORK_EXTRA", { number });
}
