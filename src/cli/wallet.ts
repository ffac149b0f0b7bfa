import { KeyStoreError } from "#accounts/keystore";
import { nodeHost } from "#host/node";
import { toHex } from "#util";
import { keyFlags, keyStoreOf, readNamedFile } from "./key-work.ts";
import type { Command } from "./command.ts";
import { CliError } from "./errors.ts";
import { PasswordSource, readPasswords } from "./passwords.ts";

/** `glim wallet import FILE`: a wallet of the presale of 2014, as geth has it. */
export const wallet: Command<typeof keyFlags> = {
  usage: "glim wallet import FILE [flags]",
  flags: keyFlags,
  words: 2,
  async run({ flags: values, rest }, io) {
    const [name, ...args] = rest;
    if (name !== "import")
      throw CliError("BAD_FLAG", { flag: `wallet ${(name ?? "").slice(0, 40)}`.trim(), why: "want import" });
    const { bytes } = await readNamedFile(args);
    const passwords = new PasswordSource(io, await readPasswords(values.password, nodeHost()));
    const password = await passwords.of(0, "");
    try {
      const { address } = await keyStoreOf(values, io).importPresale(bytes, password);
      io.print(`Address: {${toHex(address).slice(2)}}`);
    } catch (error) {
      if (!KeyStoreError.is(error)) throw error;
      throw CliError("UNLOCK_FAILED", { account: "", why: error.message }, { cause: error });
    } finally {
      password.fill(0);
    }
  },
};
