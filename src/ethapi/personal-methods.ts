// long: a table
/** personal_: accounts made, opened and used by their password (internal/ethapi/api.go@v1.11.6). Never public. */
import { type Account, formatAccountUrl, parseDerivationPath, textHash, type Wallet } from "#accounts";
import { addressOf, parsePrivateKey, recover } from "#crypto";
import {
  address,
  bool,
  bytes,
  type Codec,
  invalidParams,
  json,
  kindOf,
  list,
  method,
  type Method,
  none,
  optional,
  text,
  textUpTo,
} from "#rpc";
import { fromHex, toHex } from "#util";
import { formatSigned, withOldV } from "./account-methods.ts";
import { transactionArgs } from "./call-params.ts";
import { EthApiError } from "./errors.ts";
import type { JsonObject } from "./format.ts";
import type { Sending } from "./sending.ts";

const refuse = (reason: string) => EthApiError("FAILED", { reason });
const password = textUpTo(64 * 1024);
/** geth's default for personal_unlockAccount. */
const UNLOCK_SECONDS = 300;

/** Seconds as a plain JSON number (Trap 31: 0 is for ever). */
const seconds: Codec<number> = {
  doc: "seconds",
  decode(value, path) {
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
      throw invalidParams(path, `want seconds, got ${kindOf(value)}`);
    return value;
  },
  encode: (value) => value,
};

const formatAccount = ({ address: who, url }: Account): JsonObject => ({
  address: toHex(who),
  url: formatAccountUrl(url),
});

async function formatWallet(wallet: Wallet): Promise<JsonObject> {
  const { text: status, failure } = wallet.status();
  const accounts = await wallet.accounts();
  return {
    url: formatAccountUrl(wallet.url),
    status,
    ...(failure === undefined ? {} : { failure: failure.message }),
    ...(accounts.length === 0 ? {} : { accounts: accounts.map(formatAccount) }),
  };
}

/** 64 hex digits without 0x (Trap 32). */
function readKey(digits: string) {
  const [bad] = /[^0-9a-fA-F]/.exec(digits) ?? [];
  if (bad !== undefined) throw refuse(`invalid hex character '${bad}' in private key`);
  if (digits.length % 2 !== 0) throw refuse("invalid hex data for private key");
  if (digits.length !== 64) throw refuse("invalid length, need 256 bits");
  try {
    return parsePrivateKey(fromHex(digits));
  } catch {
    throw refuse("invalid private key");
  }
}

function recoverText(data: Uint8Array, signature: Uint8Array): Uint8Array {
  if (signature.length !== 65) throw refuse("signature must be 65 bytes long");
  const v = signature[64] ?? 0;
  if (v !== 27 && v !== 28) throw refuse("invalid Ethereum signature (V is not 27 or 28)");
  const plain = signature.slice();
  plain[64] = v - 27;
  const key = recover(textHash(data), plain);
  if (key === undefined) throw refuse("recovery failed");
  return addressOf(key);
}

export function personalMethods(sending: Sending): Record<string, Method> {
  const { accounts } = sending;
  const send = (doc: string) =>
    method({
      doc,
      params: [transactionArgs, password],
      result: bytes,
      handle: async ([args, secret], ctx) => (await sending.send(args, ctx, secret)).hash,
    });
  const unsupported = (doc: string, params: readonly [Codec<string>, ...Codec<string>[]], reason: string) =>
    method({
      doc,
      params,
      result: json,
      handle: async ([url]): Promise<never> => {
        await accounts.wallet(String(url));
        throw refuse(reason);
      },
    });
  return {
    ...walletMethods(sending),
    newAccount: method({
      doc: "Makes a key under a password.",
      params: [password],
      result: address,
      handle: async ([secret]) => (await accounts.keyStore.newAccount(secret)).address,
    }),
    importRawKey: method({
      doc: "Keeps a key, 64 hex digits without 0x, under a password.",
      params: [textUpTo(200), password],
      result: address,
      handle: async ([digits, secret]) => {
        const key = readKey(digits);
        try {
          return (await accounts.keyStore.importKey(key, secret)).address;
        } finally {
          key.fill(0);
        }
      },
    }),
    unlockAccount: method({
      doc: "Opens an account for some seconds (300 unless told; 0: until it is locked or the node stops). Refused while HTTP or WebSocket is open, unless --allow-insecure-unlock.",
      params: [address, password, optional(seconds)],
      result: bool,
      handle: async ([who, secret, duration = UNLOCK_SECONDS]) => {
        accounts.assertMayUnlock();
        await accounts.keyStore.unlock({ address: who }, secret, duration);
        return true;
      },
    }),
    lockAccount: method({
      doc: "Closes an account; true also for one that was not open.",
      params: [address],
      result: bool,
      handle: ([who]) => {
        accounts.keyStore.lock(who);
        return true;
      },
    }),
    sendTransaction: send(
      "Signs a transaction with an account's password and sends it; the account stays as it is.",
    ),
    signAndSendTransaction: send("Old name of personal_sendTransaction."),
    signTransaction: method({
      doc: "Signs a transaction with an account's password and does not send it.",
      params: [transactionArgs, password],
      result: json,
      handle: async ([args, secret], ctx) => {
        if (args.from === undefined) throw refuse("sender not specified");
        return formatSigned(await sending.sign(args, ctx, secret));
      },
    }),
    sign: method({
      doc: "Signs a text behind its prefix (EIP-191): text, address, password; without one (as wallets ask) by an unlocked account. v is 27 or 28.",
      params: [bytes, address, optional(password)],
      result: bytes,
      handle: async ([data, who, secret]) => {
        const wallet = await accounts.find({ address: who });
        return withOldV(await wallet.signText({ address: who }, data, { password: secret }));
      },
    }),
    ecRecover: method({
      doc: "Who signed a text: text, signature.",
      params: [bytes, bytes],
      result: address,
      isConcurrent: true,
      handle: ([data, signature]) => recoverText(data, signature),
    }),
    initializeWallet: unsupported(
      "Refused: no wallet here can be given a seed.",
      [text],
      "specified wallet does not support initialization",
    ),
    unpair: unsupported(
      "Refused: no wallet here is paired.",
      [text, text],
      "specified wallet does not support pairing",
    ),
  };
}

function walletMethods({ accounts }: Sending): Record<string, Method> {
  return {
    listAccounts: method({
      doc: "Accounts this node can sign for.",
      params: [],
      result: list(address),
      isConcurrent: true,
      handle: async () => (await accounts.accounts()).map((account) => account.address),
    }),
    listWallets: method({
      doc: "Wallets with their state and accounts: {url, status, failure?, accounts?}.",
      params: [],
      result: json,
      isConcurrent: true,
      handle: async () => {
        const wallets = await accounts.wallets();
        return Promise.all(wallets.map(formatWallet));
      },
    }),
    openWallet: method({
      doc: "Connects to a device; its passphrase or PIN may be asked for by an error, then it is called again.",
      params: [text, optional(password)],
      result: none,
      handle: async ([url, passphrase = ""]) => {
        await (await accounts.wallet(url)).open(passphrase);
      },
    }),
    deriveAccount: method({
      doc: "The account of a device at a derivation path; with true it is listed from now on.",
      params: [text, textUpTo(400), optional(bool)],
      result: json,
      handle: async ([url, path, pin = false]) => {
        const wallet = await accounts.wallet(url);
        return formatAccount(await wallet.derive(parseDerivationPath(path), { pin }));
      },
    }),
  };
}
