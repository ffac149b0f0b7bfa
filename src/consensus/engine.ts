import type { Header, HeaderFields } from "#core/types";
import type { ChainConfig } from "#params";

/** Headers as an engine sees them: stored ones and those of the segment that is being verified. */
export interface HeaderReader {
  readonly config: ChainConfig;
  /** Any known header, on whichever chain. */
  headerByHash(hash: Uint8Array): Header | undefined;
  /** The canonical header of that number. */
  headerByNumber(number: number): Header | undefined;
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
 * into `core`, which knows only this interface. All calls are synchronous; errors are CONSENSUS_* or the
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
  /** The difficulty a block of this signer has on top of this parent. */
  difficulty(chain: HeaderReader, parent: Header, signer: Signer | undefined): bigint;
  /** Fills in the fields the engine decides: difficulty, time (never earlier than allowed), extra, nonce, coinbase. */
  prepare(chain: HeaderReader, draft: HeaderFields, parent: Header, signer: Signer | undefined): HeaderFields;
  /** Puts the seal on a finished header. @throws when this signer may not seal this block */
  seal(chain: HeaderReader, header: Header, signer: Signer | undefined): Header;
}
