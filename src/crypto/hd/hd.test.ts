import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "#util";
import { deriveKey, entropyOf, mnemonicOf, newMnemonic, seedOf } from "./hd.ts";

interface Case {
  readonly name: string;
  readonly entropy: string;
  readonly mnemonic: string;
  readonly password?: string;
  readonly seed: string;
  readonly hdnodes: readonly { readonly path: string; readonly privateKey: string }[];
}

const cases = JSON.parse(
  gunzipSync(readFileSync("test/vectors/accounts/hdnode.json.gz")).toString(),
) as readonly Case[];

const components = (path: string) =>
  path
    .split("/")
    .slice(1)
    .map((one) => (one.endsWith("'") ? 0x8000_0000 + Number(one.slice(0, -1)) : Number(one)));

describe("words and keys", () => {
  test("300 published cases of BIP-39 and BIP-32", async () => {
    expect(cases).toHaveLength(300);
    for (const { name, entropy, mnemonic, password, seed, hdnodes } of cases) {
      expect(toHex(entropyOf(mnemonic)), name).toBe(entropy);
      expect(mnemonicOf(fromHex(entropy)), name).toBe(mnemonic);
      const made = await seedOf(mnemonic, password);
      expect(toHex(made), name).toBe(seed);
      for (const { path, privateKey } of hdnodes.slice(0, 2))
        expect(toHex(deriveKey(made, components(path))), `${name} ${path}`).toBe(privateKey);
    }
  });

  test("letter case and spaces do not matter, words and checksum do", async () => {
    const words = "test test test test test test test test test test test junk";
    expect(entropyOf(`  ${words.toUpperCase().replaceAll(" ", "  \n")} `)).toEqual(entropyOf(words));
    const key = deriveKey(await seedOf(words), components("m/44'/60'/0'/0/0"));
    expect(toHex(key)).toBe("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    for (const bad of [words.replace("junk", "test"), "test", "", words.replace("junk", "xyzzy")])
      expect(() => entropyOf(bad)).toThrow(expect.objectContaining({ code: "HD_WORDS" }));
  });

  test("what is refused is not repeated", () => {
    try {
      entropyOf("secretword ".repeat(12));
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain("secretword");
    }
  });

  test("new words have 12 or 24 words", () => {
    const source = { bytes: (length: number) => new Uint8Array(length).fill(7) };
    expect(newMnemonic(source).split(" ")).toHaveLength(12);
    expect(newMnemonic(source, 24).split(" ")).toHaveLength(24);
  });
});
