/** clique_: who may seal, and this node's votes (consensus/clique/api.go@v1.11.6). */
import { decodeBlock, decodeHeader, type Header } from "#core/types";
import {
  address,
  type BlockTag,
  blockNumberOrHash,
  blockTag,
  bool,
  bytes,
  either,
  hash,
  json,
  list,
  method,
  type Method,
  none,
  optional,
} from "#rpc";
import { fromHex, GlimError, toHex } from "#util";
import type { CallContext } from "./backend.ts";
import type { CliqueControl, CliqueVotes, CliqueSnapshot } from "./controls.ts";
import { EthApiError } from "./errors.ts";
import type { Json } from "./format.ts";
import type { Parts } from "./parts.ts";

/** clique_status looks back so far. */
const STATUS_BLOCKS = 64;

const format = (snapshot: CliqueSnapshot): Json => ({
  number: snapshot.number,
  hash: toHex(snapshot.hash),
  signers: Object.fromEntries(snapshot.signers.map((signer) => [signer, {}])),
  recents: Object.fromEntries(snapshot.recents),
  votes: snapshot.votes.map((vote) => ({ ...vote })),
  tally: Object.fromEntries([...snapshot.tally].map(([who, tally]) => [who, { ...tally }])),
});

/** A header, bare or as the first part of a block. */
function headerOf(encoded: Uint8Array): Header {
  for (const decode of [decodeHeader, (block: Uint8Array) => decodeBlock(block).header])
    try {
      return decode(encoded);
    } catch (error) {
      if (!(error instanceof GlimError)) throw error;
    }
  throw EthApiError("FAILED", { reason: "neither a header nor a block in RLP" });
}

export function cliqueMethods(clique: CliqueControl, { backend, view }: Parts): Record<string, Method> {
  const unknown = () => EthApiError("FAILED", { reason: "unknown block" });
  const atTag = async (tag: BlockTag | undefined, ctx: CallContext): Promise<Header> => {
    const found = await view.find(tag === "pending" ? "latest" : (tag ?? "latest"), ctx);
    if (found === undefined) throw unknown();
    return found.header;
  };
  const atHash = async (id: Uint8Array, ctx: CallContext): Promise<Header> => {
    const header = await backend.headerByHash(id, ctx);
    if (header === undefined) throw unknown();
    return header;
  };
  const signers = (header: Header) => clique.snapshot(header).signers.map((signer) => fromHex(signer));

  const status = async (ctx: CallContext): Promise<Json> => {
    const head = backend.head();
    const { signers: all } = clique.snapshot(head);
    const activity = new Map<string, number>(all.map((signer) => [signer, 0]));
    // the head itself is not among them (geth)
    const first = Math.max(1, head.number - STATUS_BLOCKS);
    let inTurn = 0;
    for (let number = first; number < head.number; number++) {
      const header = await backend.headerByNumber(number, ctx);
      if (header === undefined) throw unknown();
      if (header.difficulty === 2n) inTurn++;
      const signer = clique.signer(header);
      if (signer !== undefined) activity.set(toHex(signer), (activity.get(toHex(signer)) ?? 0) + 1);
    }
    const blocks = Math.max(0, head.number - first);
    return {
      inturnPercent: blocks === 0 ? 0 : (100 * inTurn) / blocks,
      sealerActivity: Object.fromEntries(activity),
      numBlocks: blocks,
    };
  };

  const isConcurrent = true;
  return {
    getSnapshot: method({
      doc: "Signers, votes and tally after a block (latest unless told).",
      params: [optional(blockTag)],
      result: json,
      isConcurrent,
      handle: async ([tag], ctx) => format(clique.snapshot(await atTag(tag, ctx))),
    }),
    getSnapshotAtHash: method({
      doc: "Signers, votes and tally after a block.",
      params: [hash],
      result: json,
      isConcurrent,
      handle: async ([id], ctx) => format(clique.snapshot(await atHash(id, ctx))),
    }),
    getSigners: method({
      doc: "Who may seal after a block (latest unless told), ascending.",
      params: [optional(blockTag)],
      result: list(address),
      isConcurrent,
      handle: async ([tag], ctx) => signers(await atTag(tag, ctx)),
    }),
    getSignersAtHash: method({
      doc: "Who may seal after a block, ascending.",
      params: [hash],
      result: list(address),
      isConcurrent,
      handle: async ([id], ctx) => signers(await atHash(id, ctx)),
    }),
    getSigner: method({
      doc: "Who sealed a block: by number, tag or hash, or the RLP of a header or block.",
      params: [either(blockNumberOrHash, bytes)],
      result: address,
      isConcurrent,
      handle: async ([ref], ctx) => {
        const header = ref instanceof Uint8Array ? headerOf(ref) : (await view.need(ref, ctx)).header;
        const signer = clique.signer(header);
        if (signer === undefined) throw EthApiError("FAILED", { reason: "missing signature" });
        return signer;
      },
    }),
    status: method({
      doc: `Who sealed the ${STATUS_BLOCKS} blocks before the head, and how many of them in turn.`,
      params: [],
      result: json,
      handle: (_, ctx) => status(ctx),
    }),
    ...(clique.votes === undefined ? {} : voteMethods(clique.votes)),
  };
}

function voteMethods(votes: CliqueVotes): Record<string, Method> {
  return {
    proposals: method({
      doc: "Votes this node casts in the blocks it seals: address → in (true) or out.",
      params: [],
      result: json,
      isConcurrent: true,
      handle: () => Object.fromEntries(votes.proposals()),
    }),
    propose: method({
      doc: "Votes for letting an address in (true) or out, in each block sealed here while it makes a difference.",
      params: [address, bool],
      result: none,
      handle: ([who, authorize]) => votes.propose(who, authorize),
    }),
    discard: method({
      doc: "Stops voting on an address.",
      params: [address],
      result: none,
      handle: ([who]) => votes.discard(who),
    }),
  };
}
