// T22: key files that others wrote. KS-01 … KS-04: what a key file may not ask, and what it may not be.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { HDNodeWallet, Wallet as EthersWallet } from "ethers";
import { describe, expect, test } from "vitest";
import { formatDerivationPath } from "#accounts";
import { addressOf, generateKey, parsePrivateKey, publicKeyOf, systemEntropy } from "#crypto";
import { mnemonicOf } from "#crypto/hd";
import { fromHex, toHex, utf8Encode } from "#util";
import { KdfQueue, lightScrypt } from "./kdf.ts";
import { claimedAddress, decryptBytes, decryptKey, encryptKey, parseKeyFile } from "./key-file.ts";
import { decryptPresale } from "./presale.ts";

const V = "test/vectors/accounts";
const queue = new KdfQueue();
const json = (value: unknown) => utf8Encode(JSON.stringify(value));
const read = (file: string) => JSON.parse(readFileSync(`${V}/${file}`, "utf8"));

interface Case {
  readonly json: object;
  readonly password: string;
  readonly priv: string;
}

/** geth's `foobar` file, with n = 8: cheap to open. */
const cheap = JSON.parse(readFileSync(`${V}/keystore/aaa`, "utf8"));
const opensAs = (file: object | Uint8Array, password = "foobar") =>
  decryptKey(file instanceof Uint8Array ? file : json(file), utf8Encode(password), { queue });
const changed = (change: (crypto: Record<string, unknown>, file: Record<string, unknown>) => void) => {
  const copy = structuredClone(cheap);
  change(copy.crypto, copy);
  return copy as object;
};
const withParams = (params: object) =>
  changed((crypto) => Object.assign(crypto["kdfparams"] as object, params));

describe("T22 files of others", () => {
  const cases: readonly (readonly [string, Case])[] = [
    ...Object.entries<Case>(read("v3_test_vector.json")),
    ...Object.entries<Case>(read("v1_test_vector.json")),
    ...Object.entries<Case>(read("keystore-tests.json")),
  ];
  test.each(cases)("%s", async (_name, { json: file, password, priv }) => {
    const { plain } = await decryptBytes(parseKeyFile(json(file)), utf8Encode(password), queue);
    expect(toHex(plain)).toBe(`0x${priv.replace(/^0x/, "")}`);
  });

  test("attack/KS-04 keys of 31 and 30 bytes are keys whose leading zeros were dropped", async () => {
    const vectors = read("v3_test_vector.json");
    for (const name of ["31_byte_key", "30_byte_key"]) {
      const { key } = await opensAs(vectors[name].json, vectors[name].password);
      expect(toHex(key).slice(2)).toBe(vectors[name].priv.padStart(64, "0"));
    }
  });

  test("scrypt with n = 2", async () => {
    const file = readFileSync(`${V}/very-light-scrypt.json`);
    const { address } = await opensAs(new Uint8Array(file), "");
    expect(toHex(address)).toBe("0x45dea0fb0bba44f4fcf290bba71fd57d7117cbb8");
  });

  const wallets = JSON.parse(gunzipSync(readFileSync(`${V}/wallets.json.gz`)).toString()) as readonly {
    readonly name: string;
    readonly type: string;
    readonly password: string;
    readonly privateKey: string;
    readonly mnemonic: string | null;
    readonly json: string;
  }[];
  test.each(wallets.map((one) => [one.name, one] as const))("wallet %s", async (_name, wallet) => {
    const password = utf8Encode(wallet.password);
    const file = utf8Encode(wallet.json);
    const open =
      wallet.type === "crowdsale"
        ? await decryptPresale(file, password, queue)
        : await decryptKey(file, password, { queue });
    expect(toHex(open.key)).toBe(wallet.privateKey);
    expect(open.words === undefined ? null : mnemonicOf(open.words.entropy)).toBe(wallet.mnemonic);
  });

  test("geth's presale wallet, and its wrong password", async () => {
    const file = new Uint8Array(readFileSync(`${V}/guswallet.json`));
    const { address } = await decryptPresale(file, utf8Encode("foo"), queue);
    expect(toHex(address)).toBe("0xd4584b5f6229b7be90727b0fc8c6b91bb427821f");
    for (const wrong of ["wrong", "", "foo "])
      await expect(decryptPresale(file, utf8Encode(wrong), queue)).rejects.toMatchObject({
        code: "KEYSTORE_DECRYPT",
      });
  });
});

describe("what we write", () => {
  const options = { level: { n: 2 ** 12, p: 1 }, queue, entropy: systemEntropy };

  test("is geth's form to the member and its order", async () => {
    const key = generateKey();
    const text = new TextDecoder().decode(await encryptKey({ key, id: undefined }, utf8Encode("x"), options));
    expect(text).toMatch(
      /^{"address":"[0-9a-f]{40}","crypto":{"cipher":"aes-128-ctr","ciphertext":"[0-9a-f]{64}","cipherparams":{"iv":"[0-9a-f]{32}"},"kdf":"scrypt","kdfparams":{"dklen":32,"n":4096,"p":1,"r":8,"salt":"[0-9a-f]{64}"},"mac":"[0-9a-f]{64}"},"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}","version":3}$/,
    );
    expect(text).toContain(toHex(addressOf(publicKeyOf(key))).slice(2));
    const { key: again } = await opensAs(utf8Encode(text), "x");
    expect(toHex(again)).toBe(toHex(key));
    expect(lightScrypt).toEqual({ n: 4_096, p: 6 });
  });

  test("opens in ethers, its words too, and the reverse", async () => {
    const words = "test test test test test test test test test test test junk";
    const theirs = HDNodeWallet.fromPhrase(words, undefined, "m/44'/60'/0'/0/1");
    const key = parsePrivateKey(fromHex(theirs.privateKey));
    const entropy = fromHex(theirs.mnemonic?.entropy ?? "0x");
    const path = [0x8000_002c, 0x8000_003c, 0x8000_0000, 0, 1];
    const ours = await encryptKey(
      { key, id: undefined, words: { entropy, path } },
      utf8Encode("pw"),
      options,
    );
    const opened = (await EthersWallet.fromEncryptedJson(
      new TextDecoder().decode(ours),
      "pw",
    )) as HDNodeWallet;
    expect(opened.privateKey).toBe(theirs.privateKey);
    expect(opened.mnemonic?.phrase).toBe(words);
    expect(opened.path).toBe("m/44'/60'/0'/0/1");

    const made = utf8Encode(await theirs.encrypt("pw2"));
    const open = await opensAs(made, "pw2");
    expect(toHex(open.key)).toBe(theirs.privateKey);
    expect(mnemonicOf(open.words?.entropy ?? new Uint8Array())).toBe(words);
    expect(formatDerivationPath(open.words?.path ?? [])).toBe("m/44'/60'/0'/0/1");
  });
});

describe("attack/KS-01 what a file asks for is bounded before anything is derived", () => {
  test.each([
    [{ n: 2 ** 30 }],
    [{ r: 2 ** 20 }],
    [{ p: 2 ** 20 }],
    [{ n: 2 ** 20, r: 8, p: 1 }], // 1 GiB
    [{ n: 2 ** 18, r: 8, p: 5 }], // above 2^23
    [{ dklen: 2 ** 31 }],
    [{ dklen: 31 }],
    [{ dklen: 65 }],
    [{ n: 0 }],
    [{ n: 1 }],
    [{ n: -8 }],
    [{ n: 7 }],
    [{ n: 8.5 }],
    [{ n: "8" }],
    [{ n: null }],
    [{ r: 0 }],
    [{ p: 0 }],
  ])("%j", async (params) => {
    await expect(opensAs(withParams(params))).rejects.toMatchObject({ code: "KEYSTORE_PARAMS" });
  });

  test("n of 1e400, as text", async () => {
    const text = JSON.stringify(cheap).replace('"n":8', '"n":1e400');
    await expect(opensAs(utf8Encode(text))).rejects.toMatchObject({ code: "KEYSTORE_PARAMS" });
  });

  test.each([[2 ** 31], [0], [-1], [10_000_001], [1.5], ["1"]])("pbkdf2 c of %j", async (c) => {
    const file = changed((crypto) => {
      crypto["kdf"] = "pbkdf2";
      crypto["kdfparams"] = { c, dklen: 32, prf: "hmac-sha256", salt: "00" };
    });
    await expect(opensAs(file)).rejects.toMatchObject({ code: "KEYSTORE_PARAMS" });
  });

  test("the bounds themselves are let through", () => {
    expect(parseKeyFile(json(withParams({ n: 2 ** 19, r: 8, p: 2 }))).kdf).toMatchObject({ n: 2 ** 19 });
  });
});

describe("attack/KS-02 every part of a file is checked", () => {
  test.each([
    ["no salt", withParams({ salt: undefined })],
    ["salt a number", withParams({ salt: 5 })],
    ["salt no hex", withParams({ salt: "zz" })],
    ["iv of 15", changed((crypto) => (crypto["cipherparams"] = { iv: "00".repeat(15) }))],
    ["iv of 17", changed((crypto) => (crypto["cipherparams"] = { iv: "00".repeat(17) }))],
    ["mac of 31", changed((crypto) => (crypto["mac"] = "00".repeat(31)))],
    ["no ciphertext", changed((crypto) => (crypto["ciphertext"] = ""))],
    ["ciphertext of 65", changed((crypto) => (crypto["ciphertext"] = "00".repeat(65)))],
    ["crypto null", changed((_, file) => (file["crypto"] = null))],
    ["crypto a list", changed((_, file) => (file["crypto"] = []))],
    ["id a number", changed((_, file) => (file["id"] = 3))],
    ["kdfparams null", changed((crypto) => (crypto["kdfparams"] = null))],
  ])("%s", async (_name, file) => {
    await expect(opensAs(file)).rejects.toMatchObject({ code: "KEYSTORE_BAD_FILE" });
  });

  test.each([
    ["KEYSTORE_CIPHER", changed((crypto) => (crypto["cipher"] = "aes-256-gcm"))],
    ["KEYSTORE_CIPHER", changed((crypto) => (crypto["cipher"] = "aes-128-cbc"))],
    ["KEYSTORE_VERSION", changed((_, file) => (file["version"] = "3"))],
    ["KEYSTORE_VERSION", changed((_, file) => (file["version"] = 1))],
    ["KEYSTORE_VERSION", changed((_, file) => delete file["version"])],
    ["KEYSTORE_KDF", changed((crypto) => (crypto["kdf"] = "argon2"))],
    [
      "KEYSTORE_PRF",
      changed((crypto) => {
        crypto["kdf"] = "pbkdf2";
        crypto["kdfparams"] = { c: 1, dklen: 32, prf: "hmac-sha1", salt: "00" };
      }),
    ],
  ])("%s", async (code, file) => {
    await expect(opensAs(file)).rejects.toMatchObject({ code });
  });

  test.each([
    ["10 MB", utf8Encode(JSON.stringify({ ...cheap, more: "x".repeat(10_000_000) }))],
    ["deep JSON", utf8Encode("[".repeat(60_000) + "]".repeat(60_000))],
    ["not UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ["no JSON", utf8Encode("{")],
    ["a list", utf8Encode("[]")],
    ["empty", new Uint8Array()],
    ["a name twice", utf8Encode(JSON.stringify(cheap).replace("{", '{"version":3,'))],
    ["a name twice, in other letters", utf8Encode(JSON.stringify(cheap).replace("{", '{"VERSION":3,'))],
    ["a name twice, escaped", utf8Encode(JSON.stringify(cheap).replace("{", '{"\\u0076ersion":3,'))],
  ])("%s", async (_name, bytes) => {
    await expect(opensAs(bytes)).rejects.toMatchObject({ code: "KEYSTORE_BAD_FILE" });
    expect(() => claimedAddress(bytes)).toThrow(expect.objectContaining({ code: "KEYSTORE_BAD_FILE" }));
  });

  test("names in any letter case, as geth reads them", async () => {
    const text = JSON.stringify(cheap).replace('"crypto"', '"Crypto"').replace('"version"', '"Version"');
    await expect(opensAs(utf8Encode(text))).resolves.toBeDefined();
  });
});

describe("attack/KS-03 one answer for a wrong password and a changed file", () => {
  test.each([0, 31])("MAC wrong in byte %d", async (at) => {
    const mac = Buffer.from(cheap.crypto.mac, "hex");
    mac[at] = (mac[at] ?? 0) ^ 1;
    const error = { code: "KEYSTORE_DECRYPT", message: "could not decrypt key with given password" };
    await expect(opensAs(changed((crypto) => (crypto["mac"] = mac.toString("hex"))))).rejects.toMatchObject(
      error,
    );
    await expect(opensAs(cheap, "wrong")).rejects.toMatchObject(error);
    await expect(
      opensAs(changed((crypto) => (crypto["ciphertext"] = "00".repeat(32)))),
    ).rejects.toMatchObject(error);
  });
});

describe("attack/KS-04 what is no key is refused", () => {
  /** A file with this content under "x". */
  const holding = async (content: Uint8Array) => {
    const made = await encryptKey({ key: generateKey(), id: undefined }, utf8Encode("x"), {
      level: { n: 2, p: 1 },
      queue,
      entropy: systemEntropy,
    });
    const file = JSON.parse(new TextDecoder().decode(made));
    const { createCipheriv } = await import("node:crypto");
    const { scryptSync } = await import("node:crypto");
    const { keccak256 } = await import("#crypto");
    const { kdfparams, cipherparams } = file.crypto;
    const derived = scryptSync("x", Buffer.from(kdfparams.salt, "hex"), 32, { N: 2, r: 8, p: 1 });
    const cipher = createCipheriv(
      "aes-128-ctr",
      derived.subarray(0, 16),
      Buffer.from(cipherparams.iv, "hex"),
    );
    const ciphertext = cipher.update(content);
    file.crypto.ciphertext = ciphertext.toString("hex");
    file.crypto.mac = toHex(keccak256(derived.subarray(16, 32), ciphertext)).slice(2);
    return json(file);
  };

  test.each([
    ["zero", new Uint8Array(32)],
    ["the order of the curve", fromHex("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")],
    ["33 bytes", new Uint8Array(33).fill(1)],
  ])("%s", async (_name, content) => {
    await expect(opensAs(await holding(content), "x")).rejects.toMatchObject({
      code: "KEYSTORE_INVALID_KEY",
    });
  });

  test("an address that is not the key's", async () => {
    const wanted = new Uint8Array(20).fill(1);
    await expect(
      decryptKey(json(cheap), utf8Encode("foobar"), { queue, expected: wanted }),
    ).rejects.toMatchObject({ code: "KEYSTORE_MISMATCH" });
  });
});

test("attack/RP-18 one derivation at a time, four wait: the sixth is refused at once", async () => {
  const busy = new KdfQueue();
  const params = { kdf: "pbkdf2", iterations: 1, salt: new Uint8Array(1), length: 32 } as const;
  const asked = Array.from({ length: 200 }, () => busy.derive(new Uint8Array(1), params));
  const results = await Promise.allSettled(asked);
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
  expect(results[5]).toMatchObject({ reason: { code: "KEYSTORE_BUSY", rpcCode: -32005 } });
});
