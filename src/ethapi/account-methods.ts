/** eth_ methods of this node's own accounts: those that sign (internal/ethapi/api.go@v1.17.5). */
import { hashTypedData, type TypedData } from "#accounts";
import { encodeTransaction, senderOf, type Transaction } from "#core/types";
import {
  address,
  bytes,
  type Codec,
  hash,
  invalidParams,
  json,
  kindOf,
  list,
  method,
  type Method,
  optional,
  quantity,
  uint64,
} from "#rpc";
import { ByteSet, toHex } from "#util";
import { transactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import { formatAccessList, formatTransaction, type JsonObject, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";
import type { Sending } from "./sending.ts";

const hexOrNull = (value: bigint | undefined) => (value === undefined ? null : quantityHex(value));

/** A transaction as geth's own JSON of it (core/types/transaction_marshalling.go@v1.17.5): not that of eth_getTransaction…. */
function formatPlain(tx: Transaction): JsonObject {
  const isTyped = tx.type !== 0;
  const hasChainId = tx.chainId !== undefined && (isTyped || tx.v > 28n); // an unsigned legacy one is not protected yet
  const { authorizationList: authorizations } = formatTransaction(tx, undefined, new Uint8Array(20));
  return {
    type: quantityHex(tx.type),
    ...(hasChainId ? { chainId: quantityHex(tx.chainId ?? 0n) } : {}),
    nonce: quantityHex(tx.nonce),
    to: tx.to === undefined ? null : toHex(tx.to),
    gas: quantityHex(tx.gas),
    gasPrice: hexOrNull(tx.gasPrice),
    maxPriorityFeePerGas: hexOrNull(tx.maxPriorityFeePerGas),
    maxFeePerGas: hexOrNull(tx.maxFeePerGas),
    ...(tx.maxFeePerBlobGas === undefined ? {} : { maxFeePerBlobGas: quantityHex(tx.maxFeePerBlobGas) }),
    value: quantityHex(tx.value),
    input: toHex(tx.input),
    ...(isTyped ? { accessList: formatAccessList(tx.accessList ?? []) } : {}),
    ...(tx.blobVersionedHashes === undefined
      ? {}
      : { blobVersionedHashes: tx.blobVersionedHashes.map(toHex) }),
    ...(authorizations === undefined ? {} : { authorizationList: authorizations }),
    v: quantityHex(tx.v),
    r: quantityHex(tx.r),
    s: quantityHex(tx.s),
    ...(isTyped ? { yParity: quantityHex(tx.v) } : {}),
    hash: toHex(tx.hash),
  };
}

/** geth's SignTransactionResult. */
export const formatSigned = (tx: Transaction): JsonObject => ({
  raw: toHex(encodeTransaction(tx)),
  tx: formatPlain(tx),
});

/** A structure of EIP-712: an object, or its JSON as text, as wallets send it. Checked where it is hashed. */
const typedData: Codec<TypedData> = {
  doc: "typed data (EIP-712)",
  decode(value, path) {
    const parsed = typeof value === "string" ? parsedOr(value, path) : value;
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw invalidParams(path, `want an object, got ${kindOf(parsed)}`);
    return parsed as TypedData; // as: hashTypedData checks every member
  },
  encode: (value) => value,
};

function parsedOr(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidParams(path, "want JSON");
  }
}

/** r ‖ s ‖ 27 or 28: what eth_sign and personal_sign answer. */
export function withOldV(signature: Uint8Array): Uint8Array {
  const copy = signature.slice();
  copy[64] = (copy[64] ?? 0) + 27;
  return copy;
}

export function accountMethods(sending: Sending, { backend }: Parts): Record<string, Method> {
  const { accounts } = sending;
  const signTyped = (doc: string) =>
    method({
      doc,
      params: [address, typedData],
      result: bytes,
      handle: async ([who, data]) => {
        const wallet = await accounts.find({ address: who });
        return withOldV(await wallet.signTypedData({ address: who }, hashTypedData(data)));
      },
    });
  const coinbase = (doc: string) =>
    method({
      doc,
      params: [],
      result: address,
      isConcurrent: true,
      handle: async () => {
        const own = backend.coinbase?.() ?? (await accounts.accounts())[0]?.address;
        if (own === undefined) throw EthApiError("FAILED", { reason: "this node seals no blocks" });
        return own;
      },
    });
  return {
    coinbase: coinbase(
      "Who gets the fees of the blocks this node seals; of one that seals none, its first account.",
    ),
    etherbase: coinbase("Old name of eth_coinbase."),
    accounts: method({
      doc: "Accounts this node can sign for, in the order of their wallets.",
      params: [],
      result: list(address),
      isConcurrent: true,
      handle: async () => (await accounts.accounts()).map((account) => account.address),
    }),
    sign: method({
      doc: "Signs a text behind its prefix (EIP-191) with an unlocked account: address, text; v is 27 or 28.",
      params: [address, bytes],
      result: bytes,
      handle: async ([who, text]) => {
        const wallet = await accounts.find({ address: who });
        return withOldV(await wallet.signText({ address: who }, text));
      },
    }),
    signTypedData: signTyped("Signs a structure (EIP-712) with an unlocked account; v is 27 or 28."),
    signTypedData_v4: signTyped("The same, by the name that wallets use."),
    signTransaction: method({
      doc: "Signs a transaction with an unlocked account and does not send it; gas, fees and nonce are given.",
      params: [transactionArgs],
      result: json,
      handle: async ([args], ctx) => formatSigned(await sending.sign(args, ctx)),
    }),
    sendTransaction: method({
      doc: "Signs a transaction with an unlocked account and sends it; what is left out is filled in.",
      params: [transactionArgs],
      result: hash,
      handle: async ([args], ctx) => (await sending.send(args, ctx)).hash,
    }),
    fillTransaction: method({
      doc: "A transaction with nonce, gas and fees filled in, unsigned.",
      params: [transactionArgs],
      result: json,
      handle: async ([args], ctx) => formatSigned(sending.unsigned(await sending.fill(args, ctx))),
    }),
    resend: method({
      doc: "Signs a waiting transaction anew at another price or with other gas, and sends it in its place.",
      params: [transactionArgs, optional(quantity), optional(uint64)],
      result: hash,
      handle: async ([args, gasPrice, gas], ctx) => (await sending.resend(args, { gasPrice, gas }, ctx)).hash,
    }),
    pendingTransactions: method({
      doc: "Waiting transactions of this node's accounts; of a node without accounts, all that it sent itself.",
      params: [],
      result: list(json),
      isConcurrent: true,
      handle: async () => {
        const own = new ByteSet((await accounts.accounts()).map((account) => account.address));
        const waiting = backend.pendingTransactions();
        return (own.size === 0 ? waiting : waiting.filter((tx) => own.has(senderOf(tx)))).map((tx) =>
          formatTransaction(tx),
        );
      },
    }),
  };
}
