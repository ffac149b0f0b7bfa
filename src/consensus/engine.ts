import type { Block, Body, Header, HeaderFields } from "#core/types";
import type { ChainConfig } from "#params";

/** Headers as an engine sees them: stored ones and those of the segment that is being verified. */
export interface HeaderReader {
  readonly config: ChainConfig;
  /** Any known header, on whichever chain. */
  headerByHash(hash: Uint8Array): Header | undefined;
  /** The canonical header of that number. */
  headerByNumber(number: number): Header | undefined;
  /** Total difficulty up to and including that header; undefined, or absent, where it is not known. */
  td?(hash: Uint8Array): bigint | undefined;
}

/** A full chain, as rules about bodies see it. */
export interface BlockReader extends HeaderReader {
  body(header: Header): Body | undefined;
}

/** Who seals. The key stays with its owner: an account, a file, a device. */
export interface Signer {
  /** 20 bytes. */
  readonly address: Uint8Array;
  /** @returns 65 bytes: r(32), s(32), recovery id(1) over the 32-byte hash */
  sign(hash: Uint8Array): Uint8Array;
}

export interface VerifyOptions {
  /** Unix seconds. Headers up to `limits.futureSeconds` ahead of it are let through. */
  readonly now: number;
}

/**
 * The rules that decide whether a header may follow its parent, and how one is made. Engines are injected
 * into `core`, which knows only this interface. Calls that judge are synchronous; errors are CONSENSUS_* or the
 * engine's own family, and name the header's number.
 */
export interface Engine {
  readonly name: string;
  /** Address that earns the fees of this block. @throws when the seal holds none */
  author(header: Header): Uint8Array;
  /** Checks every rule of the header, its seal included. @throws the rule that it breaks */
  verifyHeader(chain: HeaderReader, header: Header, parent: Header, options: VerifyOptions): void;
  /** Checks only the seal; `verifyHeader` does it too. */
  verifySeal(chain: HeaderReader, header: Header, parent: Header): void;
  /**
   * Checks the uncles of a block whose header was verified. Absent: `verifyHeader` lets no header name one.
   * @throws the rule that one breaks
   */
  verifyUncles?(chain: BlockReader, block: Block, options: VerifyOptions): void;
  /**
   * Does ahead, off this thread, what checking the seals of these blocks (ascending, each the child of the one before)
   * and of their uncles costs: a `verifyHeader` of them that follows is quick. Judges nothing and never rejects, but
   * for the signal. Absent: seals are cheap.
   */
  checkSeals?(
    chain: HeaderReader,
    blocks: readonly Pick<Block, "header" | "uncles">[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** The difficulty a block of this signer has on top of this parent. */
  difficulty(chain: HeaderReader, parent: Header, signer: Signer | undefined): bigint;
  /** Fills in the fields the engine decides: difficulty, time (never earlier than allowed), extra, nonce, coinbase. */
  prepare(chain: HeaderReader, draft: HeaderFields, parent: Header, signer: Signer | undefined): HeaderFields;
  /** Puts the seal on a finished header. @throws when this signer may not seal this block */
  seal(chain: HeaderReader, header: Header, signer: Signer | undefined): Header;
  /** Ends what the engine keeps running beside this thread, if anything. */
  close?(): Promise<void>;
}
