import type { Body, Header, Receipt, Transaction } from "#core/types";
import { les2, type RequestName, type TxStatus, txStatusCodes } from "#les/protocol";
import {
  type ClaimKind,
  type ClaimKinds,
  LightError,
  type OdrKind,
  type OdrKinds,
  type TxClaim,
} from "#light";
import { encodeAs } from "#rlp";
import { type NodeStore, ProofSet, TrieError } from "#trie";
import { GlimError } from "#util";

/** Everything that is asked of servers, over les messages. */
export type AskKind = OdrKind | ClaimKind;
type AskOf<K extends AskKind> = (OdrKinds & ClaimKinds)[K]["ask"];
type AnswerOf<K extends AskKind> = (OdrKinds & ClaimKinds)[K]["answer"];

/** A request as this room sees it: what to ask, and how the answer is tested. */
export interface Asked<K extends AskKind = AskKind> {
  readonly kind: K;
  readonly ask: AskOf<K>;
  verify(answer: AnswerOf<K>): unknown;
}

/** What a reply meant for one request. `unserved`: nothing in it for this request, which is no lie. */
type Verdict =
  | { readonly type: "proven"; readonly value: unknown }
  | { readonly type: "unserved"; readonly error: GlimError; readonly mayAskAgain: boolean };

/** What a reply meant: one verdict per request, or the lie that makes all of it worthless. */
export type Judgement =
  | { readonly type: "verdicts"; readonly verdicts: readonly Verdict[] }
  | { readonly type: "lie"; readonly error: GlimError };

/** How a kind goes over the wire. */
export interface KindRow<K extends AskKind> {
  readonly message: RequestName;
  /** Most requests merged into one message: the protocol's limit, or less where replies are large. */
  readonly batch: number;
  /** What the server must serve, and up to which block. */
  readonly needs: "headers" | "chain" | "state" | "nothing";
  block(ask: AskOf<K>): number;
  /** Items the message is priced by. */
  items(asks: readonly AskOf<K>[]): number;
  encode(asks: readonly AskOf<K>[]): Uint8Array;
  judge(requests: readonly Asked<K>[], body: unknown): Judgement;
}

const { messages } = les2; // the bodies of requests are the same in every version
const one = (asks: readonly unknown[]): number => asks.length;
const noBlock = (): number => 0;

const asGlim = (error: unknown): GlimError => {
  if (error instanceof GlimError) return error;
  throw error;
};

const proven = (value: unknown): Verdict => ({ type: "proven", value });
const unserved = (what: string, mayAskAgain = false): Verdict => ({
  type: "unserved",
  error: LightError("EMPTY_REPLY", { what }),
  mayAskAgain,
});

/** Runs one `verify`; an error of a stranger's making comes back as a value. */
function attempt(verify: () => unknown): { readonly value: unknown } | { readonly error: GlimError } {
  try {
    return { value: verify() };
  } catch (error) {
    return { error: asGlim(error) };
  }
}

/**
 * Many requests, one flat set of nodes (GetProofsV2). A node that no request needs, and a path that begins and breaks off, are lies.
 * @see geth les/odr_requests.go:224@v1.11.6
 */
function judgeProofs(requests: readonly Asked<"proof">[], nodes: readonly Uint8Array[]): Judgement {
  let known: NodeStore | undefined;
  const set = new ProofSet(nodes, { base: { get: (hash) => known?.get(hash) } });
  const verdicts: Verdict[] = [];
  for (const request of requests) {
    known = request.ask.known;
    const result = attempt(() => request.verify(set));
    if ("value" in result) verdicts.push(proven(result.value));
    else if (LightError.is(result.error, "EMPTY_REPLY")) verdicts.push(unserved("proof"));
    else return { type: "lie", error: result.error };
  }
  const end = attempt(() => set.finish());
  if (!("error" in end)) return { type: "verdicts", verdicts };
  if (!TrieError.is(end.error, "PROOF_UNUSED_NODE")) throw end.error;
  return { type: "lie", error: end.error };
}

/**
 * One item per request, in order; servers leave out what they do not have, so a shorter reply is matched by proof. An item that proves
 * nothing is a lie.
 */
function judgeItems<K extends "body" | "receipts" | "code">(
  requests: readonly Asked<K>[],
  items: readonly AnswerOf<K>[],
): Judgement {
  const what = requests[0]?.kind ?? "reply";
  if (items.length > requests.length)
    return {
      type: "lie",
      error: LightError("ITEM_COUNT", { what, want: requests.length, got: items.length }),
    };
  const verdicts: Verdict[] = [];
  let next = 0;
  for (const item of items) {
    let lie: GlimError | undefined;
    let matched = false;
    // with a full reply each item stands at its place; with a shorter one the gaps are searched
    const slack = requests.length - items.length;
    while (!matched && next < requests.length && verdicts.length - countProven(verdicts) <= slack) {
      const request = requests[next];
      if (request === undefined) break;
      next++;
      const result = attempt(() => request.verify(item));
      if ("value" in result) {
        verdicts.push(proven(result.value));
        matched = true;
      } else {
        lie ??= result.error;
        verdicts.push(unserved(what));
      }
    }
    if (!matched)
      return {
        type: "lie",
        error: lie ?? LightError("ITEM_COUNT", { what, want: requests.length, got: items.length }),
      };
  }
  // a reply stops at 2 MiB: what it had no room for may be asked again
  while (verdicts.length < requests.length) verdicts.push(unserved(what, items.length > 0));
  return { type: "verdicts", verdicts };
}

const countProven = (verdicts: readonly Verdict[]): number =>
  verdicts.reduce((count, verdict) => count + (verdict.type === "proven" ? 1 : 0), 0);

function judgeHeaders(requests: readonly Asked<"headers">[], headers: readonly Header[]): Judgement {
  const request = requests[0];
  if (request === undefined || headers.length === 0)
    return { type: "verdicts", verdicts: [unserved("headers")] };
  const result = attempt(() => request.verify(headers));
  return "value" in result
    ? { type: "verdicts", verdicts: [proven(result.value)] }
    : { type: "lie", error: result.error };
}

const statusNames = ["unknown", "queued", "pending", "included"] as const;

function claimOf({ status, lookup, error }: TxStatus): TxClaim | undefined {
  const name = statusNames[status];
  if (name === undefined) return error === "" ? undefined : { status: "unknown", error };
  if ((status === txStatusCodes.included) !== (lookup !== undefined)) return undefined;
  return { status: name, place: lookup, error };
}

function judgeTxStatus(
  requests: readonly Asked<"txStatus" | "sendTx">[],
  statuses: readonly TxStatus[],
): Judgement {
  if (statuses.length !== requests.length)
    return {
      type: "lie",
      error: LightError("ITEM_COUNT", {
        what: "transaction status",
        want: requests.length,
        got: statuses.length,
      }),
    };
  const claims = statuses.map(claimOf);
  const verdicts: Verdict[] = [];
  for (const claim of claims) {
    if (claim === undefined)
      return { type: "lie", error: LightError("BAD_VALUE", { what: "transaction status" }) };
    verdicts.push(proven(claim));
  }
  return { type: "verdicts", verdicts };
}

/** The rows. `body` of a judge is what the wire table decoded for that reply, hence of the type named there. */
export const kindRows: { readonly [K in AskKind]: KindRow<K> } = {
  headers: {
    message: "getBlockHeaders",
    batch: 1,
    needs: "headers",
    block: (ask) => ask.head,
    items: (asks) => asks[0]?.amount ?? 1,
    encode([ask]) {
      const { origin, amount, skip = 0, reverse } = ask ?? { origin: 0, amount: 1, reverse: false };
      return encodeAs(messages.getBlockHeaders.body, { origin, amount, skip: BigInt(skip), reverse });
    },
    judge: (requests, body) => judgeHeaders(requests, body as readonly Header[]),
  },
  body: {
    message: "getBlockBodies",
    batch: 8,
    needs: "chain",
    block: (ask) => ask.number,
    items: one,
    encode: (asks) =>
      encodeAs(
        messages.getBlockBodies.body,
        asks.map((ask) => ask.hash),
      ),
    judge: (requests, body) => judgeItems(requests, body as readonly Body[]),
  },
  receipts: {
    message: "getReceipts",
    batch: 8,
    needs: "chain",
    block: (ask) => ask.number,
    items: one,
    encode: (asks) =>
      encodeAs(
        messages.getReceipts.body,
        asks.map((ask) => ask.hash),
      ),
    judge: (requests, body) => judgeItems(requests, body as readonly (readonly Receipt[])[]),
  },
  proof: {
    message: "getProofsV2",
    batch: 64,
    needs: "state",
    block: (ask) => ask.block.number,
    items: one,
    encode: (asks) =>
      encodeAs(
        messages.getProofsV2.body,
        asks.map(({ block, accountKey, key, fromLevel }) => ({
          blockHash: block.hash,
          accountKey,
          key,
          fromLevel: BigInt(fromLevel),
        })),
      ),
    judge: (requests, body) => judgeProofs(requests, body as readonly Uint8Array[]),
  },
  code: {
    message: "getCode",
    batch: 16,
    needs: "state",
    block: (ask) => ask.block.number,
    items: one,
    encode: (asks) =>
      encodeAs(
        messages.getCode.body,
        asks.map(({ block, accountKey }) => ({ blockHash: block.hash, accountKey })),
      ),
    judge: (requests, body) => judgeItems(requests, body as readonly Uint8Array[]),
  },
  txStatus: {
    message: "getTxStatus",
    batch: 64,
    needs: "nothing",
    block: noBlock,
    items: one,
    encode: (asks) => encodeAs(messages.getTxStatus.body, asks),
    judge: (requests, body) => judgeTxStatus(requests, body as readonly TxStatus[]),
  },
  sendTx: {
    message: "sendTxV2",
    batch: 16,
    needs: "nothing",
    block: noBlock,
    items: one,
    encode: (asks) => encodeAs(messages.sendTxV2.body, asks as readonly Transaction[]),
    judge: (requests, body) => judgeTxStatus(requests, body as readonly TxStatus[]),
  },
};
