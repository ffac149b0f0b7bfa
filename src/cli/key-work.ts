import { KeyStore } from "#accounts/keystore";
import { nodeHost } from "#host/node";
import { defaultDataDir, parseConfig } from "#node";
import { toHex } from "#util";
import { CliError } from "./errors.ts";
import type { Flags, TableRow } from "./flags.ts";
import type { Io } from "./io.ts";
import { loggerOf } from "./log-setup.ts";
import { optionAt } from "./node-flags.ts";
import { accountOptions, logOptions, sourceOptions } from "./options.ts";
import type { PasswordSource } from "./passwords.ts";
import { parseAddress } from "./unlock.ts";

const [, passwordOption] = accountOptions;

/** Options of the commands that work on key files. */
export const keyFlags = [
  ...sourceOptions,
  optionAt("dataDir"),
  optionAt("keyStoreDir"),
  optionAt("useLightweightKdf"),
  passwordOption,
  ...logOptions,
] as const satisfies readonly TableRow[];

export const accountFlags = [
  ...keyFlags,
  {
    name: "mnemonic",
    type: "boolean",
    default: false,
    doc: "new, import: by words (BIP-39) instead of a key",
  },
  {
    name: "hd.path",
    type: "text",
    value: "PATH",
    default: "m/44'/60'/0'/0/0",
    doc: "Derivation path of the first account of a mnemonic; the next ones count its last part up",
  },
  {
    name: "hd.passphrase",
    type: "boolean",
    default: false,
    doc: "The words have a passphrase (BIP-39), which is asked for",
  },
  {
    name: "hd.passphrase.file",
    type: "text",
    value: "FILE",
    doc: "File whose first line is that passphrase",
  },
  {
    name: "hd.count",
    type: "number",
    value: "N",
    min: 1,
    max: 100,
    default: 1,
    doc: "Accounts made from a mnemonic",
  },
] as const satisfies readonly TableRow[];

type AccountFlags = Flags<typeof accountFlags>;

/** What every subcommand works with. */
export interface KeyWork {
  readonly keys: KeyStore;
  readonly passwords: PasswordSource;
  readonly args: readonly string[];
  readonly flags: AccountFlags;
  readonly io: Io;
}

/** The keystore of a command line: of `--keystore`, else of the data directory, which has a default here. */
export function keyStoreOf(values: Flags<typeof keyFlags>, io: Io): KeyStore {
  const log = loggerOf(values, io);
  const config = parseConfig({
    dataDir: values.datadir ?? defaultDataDir(),
    ...(values.keystore === undefined ? {} : { keyStoreDir: values.keystore }),
    logger: log,
  });
  if (config.keyStoreDir === undefined)
    throw CliError("MISSING_FLAG", { flag: "--keystore", why: "name the folder of key files, or --datadir" });
  const useLightweightKdf = values.lightkdf === true;
  return new KeyStore({ folder: config.keyStoreDir, useLightweightKdf, host: nodeHost(), log });
}

export const NEW_PASSWORD =
  "Your new account is locked with a password. Please give a password. Do not forget this password.";

/** An address as geth's commands print it. */
export const bare = (address: Uint8Array) => toHex(address).slice(2);

/** The one file that is named. @throws CLI_BAD_FILE */
export async function readNamedFile(args: readonly string[]): Promise<{ path: string; bytes: Uint8Array }> {
  const [path, ...others] = args;
  if (path === undefined || others.length > 0)
    throw CliError("BAD_FILE", {
      path: args.join(" ") || "import",
      why: "keyfile must be given as the only argument",
    });
  const bytes = await nodeHost()
    .files.readFile(path)
    .catch(() => undefined);
  if (bytes === undefined) throw CliError("BAD_FILE", { path, why: "cannot read this file" });
  return { path, bytes };
}

/** The accounts that are named by address. @throws CLI_BAD_FLAG */
export function namedAddresses(
  args: readonly string[],
  what: string,
): readonly (readonly [string, Uint8Array])[] {
  if (args.length === 0) throw CliError("BAD_FLAG", { flag: what, why: "No accounts specified" });
  return args.map((name) => {
    const address = parseAddress(name);
    if (address === undefined)
      throw CliError("BAD_FLAG", {
        flag: name.slice(0, 60),
        why: "address must be specified in hexadecimal form",
      });
    return [name, address] as const;
  });
}
