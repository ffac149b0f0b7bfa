import {
  type BlockReader,
  ConsensusError,
  type Engine,
  type HeaderReader,
  type Signer,
  verifyBlobGas,
  verifyForkFields,
  verifyGas,
  verifyLink,
  type VerifyOptions,
} from "#consensus";
import { type Block, emptyUnclesHash, type Header, type HeaderFields } from "#core/types";
import { MAX_EXTRA_SIZE } from "#params";
import { equalBytes } from "#util";
import { BeaconError } from "./errors.ts";

const zeroNonce = new Uint8Array(8);

/** A header after the merge has no difficulty (geth IsPoSHeader). */
const isMerged = (header: Pick<Header, "difficulty">) => header.difficulty === 0n;

/**
 * The rules after the merge, and another engine's before it. Which of them a header is judged by is decided by its
 * parent's total difficulty; where that is not known, by the difficulties (a merged chain never goes back), as geth
 * has done since 1.14.
 * @see consensus/beacon/consensus.go@v1.11.6, @v1.17.5
 */
export class Beacon implements Engine {
  readonly name = "beacon";
  readonly #inner: Engine;

  /** @param inner what seals before the merge */
  constructor(inner: Engine) {
    this.#inner = inner;
  }

  /** The engine of the headers before the merge. */
  get inner(): Engine {
    return this.#inner;
  }

  author(header: Header): Uint8Array {
    return isMerged(header) ? header.coinbase : this.#inner.author(header);
  }

  /** Does not look at our clock after the merge: the consensus layer does. */
  verifyHeader(chain: HeaderReader, header: Header, parent: Header, options: VerifyOptions): void {
    if (!this.#isAfter(chain, header, parent)) {
      this.#inner.verifyHeader(chain, header, parent, options);
      return;
    }
    verifyMerged(chain, header, parent);
  }

  verifySeal(chain: HeaderReader, header: Header, parent: Header): void {
    if (!this.#isAfter(chain, header, parent)) this.#inner.verifySeal(chain, header, parent);
    else if (!isMerged(header)) throw BeaconError("INVALID_TERMINAL_BLOCK", { number: header.number });
  }

  verifyUncles(chain: BlockReader, block: Block, options: VerifyOptions): void {
    if (!isMerged(block.header)) this.#inner.verifyUncles?.(chain, block, options);
    else if (block.uncles.length > 0)
      throw BeaconError("INVALID_UNCLE_HASH", { number: block.header.number });
  }

  async checkSeals(
    chain: HeaderReader,
    blocks: readonly Pick<Block, "header" | "uncles">[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    const merge = blocks.findIndex(({ header }) => isMerged(header));
    await this.#inner.checkSeals?.(chain, merge < 0 ? blocks : blocks.slice(0, merge), options);
  }

  difficulty(chain: HeaderReader, parent: Header, signer: Signer | undefined): bigint {
    return this.#hasReached(chain, parent) ? 0n : this.#inner.difficulty(chain, parent, signer);
  }

  prepare(
    chain: HeaderReader,
    draft: HeaderFields,
    parent: Header,
    signer: Signer | undefined,
  ): HeaderFields {
    if (!this.#hasReached(chain, parent)) return this.#inner.prepare(chain, draft, parent, signer);
    throw BeaconError("CANNOT_SEAL", { number: parent.number + 1 });
  }

  seal(chain: HeaderReader, header: Header, signer: Signer | undefined): Header {
    if (isMerged(header)) throw BeaconError("CANNOT_SEAL", { number: header.number });
    return this.#inner.seal(chain, header, signer);
  }

  async close(): Promise<void> {
    await this.#inner.close?.();
  }

  /** The block after `parent` is one after the merge. */
  #hasReached(chain: HeaderReader, parent: Header): boolean {
    const { terminalTotalDifficulty: terminal } = chain.config;
    if (terminal === undefined) return false;
    if (terminal === 0n || (isMerged(parent) && parent.number > 0)) return true;
    const have = chain.td?.(parent.hash);
    return have !== undefined && have >= terminal;
  }

  #isAfter(chain: HeaderReader, header: Header, parent: Header): boolean {
    if (this.#hasReached(chain, parent)) return true;
    const { terminalTotalDifficulty: terminal } = chain.config;
    return terminal !== undefined && chain.td?.(parent.hash) === undefined && isMerged(header);
  }
}

/** consensus/beacon/consensus.go:218@v1.17.5 */
function verifyMerged(chain: HeaderReader, header: Header, parent: Header): void {
  const { number, time, extra } = header;
  if (!isMerged(header)) throw BeaconError("INVALID_TERMINAL_BLOCK", { number });
  if (extra.length > MAX_EXTRA_SIZE)
    throw ConsensusError("EXTRA_TOO_LONG", { number, length: extra.length, max: MAX_EXTRA_SIZE });
  if (!equalBytes(header.nonce, zeroNonce)) throw BeaconError("INVALID_NONCE", { number });
  if (!equalBytes(header.unclesHash, emptyUnclesHash)) throw BeaconError("INVALID_UNCLE_HASH", { number });
  verifyLink(header, parent);
  if (time <= parent.time) throw ConsensusError("INVALID_TIME", { number, time, parent: parent.time });
  verifyGas(chain.config, header, parent);
  verifyForkFields(chain.config, header);
  verifyBlobGas(chain.config, header, parent);
}
