import type { GlimError } from "#util";
import type { ClaimKind, ClaimKinds, OdrRequest } from "./requests.ts";

/** Bounds of one retrieval. */
export interface RetrieveOptions {
  /** Ends the wait with its reason; what is on the wire stays there. */
  readonly signal?: AbortSignal | undefined;
  /** By the host clock; without it the source's own timeouts are the only bound. */
  readonly timeoutMs?: number | undefined;
}

/** One server's claim. The caller tests it and says `refute` if it was false: that server is dropped. */
export interface Claim<A> {
  readonly answer: A;
  /** Names the server's present connection; for `except`. */
  readonly server: string;
  /** The server keeps no complete index of transactions: its "unknown" proves less. */
  readonly limitsIndex: boolean;
  refute(reason: Error): void;
}

export interface ClaimOptions extends RetrieveOptions {
  /** Most servers to ask; default all that suit. */
  readonly servers?: number | undefined;
  /** Servers not to be asked, by `Claim.server`. */
  readonly except?: ReadonlySet<string> | undefined;
  /** Told of each server as it is asked, by what `Claim.server` will say. */
  readonly onAsk?: ((server: string) => void) | undefined;
  /** Told why a server gave no answer: silent, gone, or caught in a reply that makes no sense. */
  readonly onFailure?: ((error: GlimError) => void) | undefined;
  /** Servers asked at once; default 1. A silent one is passed over after the soft timeout. */
  readonly parallel?: number | undefined;
}

/** Block numbers, both inclusive. */
export interface BlockRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Where proofs come from: light servers, or whatever else can answer an `OdrRequest`. It finds somebody to ask, hands the answer to the
 * request's own `verify`, drops who lied and asks the next; it never returns anything that `verify` did not.
 */
export interface ProofSource {
  /** Servers connected now. */
  readonly serverCount: number;
  /**
   * @throws LIGHT_NO_SERVER, LIGHT_NO_SUITABLE_SERVER, LIGHT_STATE_NOT_SERVED (nobody to ask), LIGHT_NO_VERIFIED_ANSWER (all failed),
   *   LIGHT_TIMEOUT, LIGHT_STOPPED, and the signal's reason
   */
  retrieve<T>(request: OdrRequest<T>, options?: RetrieveOptions): Promise<T>;
  /**
   * Asks servers one after another, each once, and yields what they say. Ends when all have been asked.
   * @throws LIGHT_NO_SERVER if there is nobody to ask, the signal's reason
   */
  claims<K extends ClaimKind>(
    kind: K,
    ask: ClaimKinds[K]["ask"],
    options?: ClaimOptions,
  ): AsyncIterable<Claim<ClaimKinds[K]["answer"]>>;
  /** Blocks whose bodies (`chain`) or states (`state`) some connected server serves; undefined: none is connected. */
  coverage(what: "chain" | "state"): BlockRange | undefined;
}
