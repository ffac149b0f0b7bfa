// Drivers against devices of test/kit/hid-devices.ts, and against exchanges that the vendors published.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  baseDerivationPath,
  hashTypedData,
  legacyLedgerDerivationPath,
  parseDerivationPath,
  textHash,
} from "#accounts";
import { checksumAddress, senderOf, signingBytes, type TransactionFields } from "#core/types";
import { SimulatedClock } from "#host/sim";
import { silentLogger } from "#log";
import { concatBytes, fromHex, toHex, utf8Encode } from "#util";
import { FakeBus, type FakeHid, LedgerFirmware, TrezorFirmware } from "../../../test/kit/hid-devices.ts";
import type { HidDevice } from "./hid.ts";
import { type UsbHub, usbHubs } from "./hub.ts";
import { LedgerDriver } from "./ledger.ts";
import { LedgerReply, ledgerReports } from "./ledger-frames.ts";
import { signerOf } from "./signatures.ts";
import { TrezorDriver } from "./trezor.ts";
import { loadUsbPort } from "./usb-port.ts";

/** Mnemonic of trezor-firmware's fixtures. */
const FIXTURE_WORDS = "alcohol woman abuse must during monitor noble actual mixed trade anger aisle";
const WORDS = "test test test test test test test test test test test junk";
/** First and second account of WORDS at m/44'/60'/0'/0. */
const FIRST = fromHex("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
const SECOND = fromHex("0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
const TO = fromHex("0x1d1c328764a41bda0492b66baa30c4a339ff85ef");
const LEDGER = { vendorId: 0x2c97, productId: 0x1011 };
const TREZOR = { vendorId: 0x534c, productId: 0x0001 };

let clock: SimulatedClock;
let bus: FakeBus;
let hubs: readonly UsbHub[];
beforeEach(() => {
  clock = new SimulatedClock();
  bus = new FakeBus();
  hubs = usbHubs({ port: bus, clock, log: silentLogger });
});
afterEach(async () => {
  for (const hub of hubs) await hub.stop();
  expect(clock.activeTimers).toBe(0);
});

async function walletOf(scheme: "ledger" | "trezor") {
  await clock.advance(500);
  const lists = await Promise.all(hubs.map((hub) => hub.wallets()));
  const wallet = lists.flat().find(({ url }) => url.scheme === scheme);
  if (wallet === undefined) throw new Error(`no ${scheme}`);
  return wallet;
}

/** A device that plays a recording: what it is sent must be the recording's, byte for byte. */
function recorded(
  lines: readonly (readonly [sent: string, received: string])[],
): HidDevice & { left: number } {
  const script = [...lines];
  const waiting: Uint8Array[] = [];
  let partial: Buffer[] = [];
  return {
    get left() {
      return script.length;
    },
    async write(report) {
      partial.push(Buffer.from(report));
      const [expected, answer] = script[0] ?? [];
      if (expected === undefined || answer === undefined) throw new Error("nothing more is recorded");
      const wanted = ledgerFrames(expected);
      expect(partial.map((one) => one.toString("hex"))).toEqual(wanted.slice(0, partial.length));
      if (partial.length < wanted.length) return;
      partial = [];
      script.shift();
      waiting.push(...ledgerFrames(answer).map((one) => fromHex(one)));
    },
    read: async () => waiting.shift() ?? new Uint8Array(64),
    close: async () => {},
  };
}

/** Hand-made framing: channel 0101, tag 05, sequence, and in the first report the length. */
function ledgerFrames(hex: string): string[] {
  const body = Buffer.concat([
    Buffer.from([hex.length >> 9, (hex.length / 2) & 0xff]),
    Buffer.from(hex, "hex"),
  ]);
  const frames: string[] = [];
  for (let at = 0; at < body.length; at += 59) {
    const head = `010105${frames.length.toString(16).padStart(4, "0")}`;
    frames.push((head + body.subarray(at, at + 59).toString("hex")).padEnd(128, "0"));
  }
  return frames;
}

describe("Ledger: exchanges published by its maker (ledgerjs hw-app-eth tests)", () => {
  const PATH = parseDerivationPath("m/44'/60'/0'/0'/0");
  const DERIVE_DEFAULT = "e002000015058000002c8000003c800000000000000000000000";
  const ADDRESS =
    "4104df00ad3869baad7ce54f4d560ba7f268d542df8f2679a5898d78a690c3db8f9833d2973671cb14b088e91bdf7c0ab00029a576473c0e12f84d252e630bb3809b28436241393833363265313939633431453138363444303932334146393634366433413634383435319000";
  const opening = [
    [DERIVE_DEFAULT, ADDRESS],
    ["e006000000", "010101069000"],
  ] as const;

  test("configuration and address", async () => {
    const device = recorded([...opening, ["e002000015058000002c8000003c800000008000000000000000", ADDRESS]]);
    const driver = new LedgerDriver();
    await driver.open(device);
    expect(driver.status().text).toBe("Ethereum app v1.1.6 online");
    expect(toHex(await driver.derive(PATH))).toBe("0xcba98362e199c41e1864d0923af9646d3a648451");
    expect(device.left).toBe(0);
  });

  test("a transaction without chain id", async () => {
    const device = recorded([
      ...opening,
      [
        "e00400003e058000002c8000003c800000008000000000000000e8018504e3b292008252089428ee52a8f3d6e5d15f8b131996950d7f296c7952872bd72a2487400080",
        "1b3694583045a85ada8d15d5e01b373b00e86a405c9c52f7835691dcc522b7353b30392e638a591c65ed307809825ca48346980f52d004ab7a5f93657f7e62a4009000",
      ],
    ]);
    const driver = new LedgerDriver();
    await driver.open(device);
    const tx = await driver.signTransaction(PATH, {
      type: 0,
      nonce: 1n,
      gasPrice: 0x4e3b29200n,
      gas: 21_000n,
      to: fromHex("0x28ee52a8f3d6e5d15f8b131996950d7f296c7952"),
      value: 0x2bd72a24874000n,
      input: new Uint8Array(),
    });
    expect(tx.v).toBe(27n);
    expect(toHex(senderOf(tx))).toMatch(/^0x/);
  });

  test("a text", async () => {
    const device = recorded([
      ...opening,
      [
        "e00800001d058000002c8000003c8000000080000000000000000000000474657374",
        "1b8beafdd56521af1213d6d668a2aed262cc840e7174b642215aec013a1c88b2bd3a407b9125f1bfc015df6983ae8b87a34d54be367b4275834c3039622a73ee009000",
      ],
    ]);
    const driver = new LedgerDriver();
    await driver.open(device);
    const signature = await driver.signText(PATH, utf8Encode("test"));
    expect(signature[64]).toBe(0);
    expect(signerOf(textHash(utf8Encode("test")), signature)).toBeDefined();
  });
});

describe("Ledger: its app, version by version", () => {
  const fields = {
    type: 0,
    chainId: 1n,
    nonce: 3n,
    gasPrice: 20n,
    gas: 20n,
    to: TO,
    value: 10n,
    input: new Uint8Array(),
  } as const satisfies TransactionFields;
  const market = {
    type: 2,
    chainId: 1n,
    nonce: 0n,
    maxFeePerGas: 9n,
    maxPriorityFeePerGas: 1n,
    gas: 9n,
    to: TO,
    value: 1n,
    input: new Uint8Array(300).fill(7),
    accessList: [],
  } as const;

  async function opened(version: readonly [number, number, number] = [1, 17, 0]) {
    const firmware = new LedgerFirmware({ mnemonic: WORDS, version });
    bus.plug(LEDGER, firmware);
    const wallet = await walletOf("ledger");
    await wallet.open("");
    const account = await wallet.derive(baseDerivationPath, { pin: true });
    return { firmware, wallet, account };
  }

  test("opens, derives and lists; the URL names device and path", async () => {
    const { wallet, account } = await opened();
    expect(wallet.status()).toEqual({ text: "Ethereum app v1.17.0 online", failure: undefined });
    expect(account).toEqual({ address: FIRST, url: { scheme: "ledger", path: "0001/m/44'/60'/0'/0/0" } });
    expect(await wallet.accounts()).toEqual([account]);
    expect(wallet.contains({ address: FIRST })).toBe(true);
    expect(wallet.contains({ address: SECOND })).toBe(false);
    await expect(wallet.open("")).rejects.toMatchObject({ message: "wallet already open" });
    await wallet.close();
    expect(wallet.status().text).toBe("Closed");
    await expect(wallet.derive(baseDerivationPath, { pin: false })).rejects.toMatchObject({
      message: "wallet closed",
    });
  });

  test.each<[string, TransactionFields]>([
    ["legacy, not protected", { ...fields, chainId: undefined }],
    ["EIP-155", fields],
    ["EIP-155 of chain 1337", { ...fields, chainId: 1337n }],
    ["EIP-155 of a large chain id", { ...fields, chainId: 11_297_108_109n }],
    ["EIP-2930", { ...fields, type: 1, accessList: [{ address: TO, storageKeys: [new Uint8Array(32)] }] }],
    ["EIP-1559", market],
    ["a contract", { ...fields, to: undefined, input: new Uint8Array(1_000).fill(1) }],
  ])("signs: %s", async (_name, tx) => {
    const { wallet } = await opened();
    const signed = await wallet.signTransaction({ address: FIRST }, tx);
    expect(toHex(senderOf(signed))).toBe(toHex(FIRST));
    expect(signed.chainId).toBe(tx.chainId);
  });

  test("every length of a legacy transaction: no chunk begins in EIP-155's tail", async () => {
    const { wallet, firmware } = await opened();
    for (let length = 150; length < 520; length += 1) {
      firmware.apdus.length = 0;
      const tx = { ...fields, input: new Uint8Array(length).fill(1) };
      expect(toHex(senderOf(await wallet.signTransaction({ address: FIRST }, tx)))).toBe(toHex(FIRST));
      const last = Buffer.from(firmware.apdus.at(-1) ?? "", "hex");
      expect(last.length - 5).toBeGreaterThan(3);
      const sent = Buffer.concat(firmware.apdus.map((one) => Buffer.from(one, "hex").subarray(5)));
      const path = fromHex("0x058000002c8000003c800000000000000000000000");
      expect(sent.toString("hex")).toBe(toHex(concatBytes(path, signingBytes(tx))).slice(2));
    }
  });

  test("texts, long ones in chunks; structures by their two hashes", async () => {
    const { wallet } = await opened();
    for (const text of [utf8Encode("hello"), new Uint8Array(2_000).fill(65)])
      expect(await wallet.signText({ address: FIRST }, text)).toHaveLength(65);
    const hashes = hashTypedData({
      types: { A: [{ name: "a", type: "bool" }] },
      primaryType: "A",
      domain: {},
      message: { a: true },
    });
    expect(await wallet.signTypedData({ address: FIRST }, hashes)).toHaveLength(65);
  });

  test("what an app is too old for", async () => {
    const old = await opened([1, 0, 2]);
    const tooOld = async (work: Promise<unknown>, message: string) =>
      expect(work).rejects.toMatchObject({ code: "USB_TOO_OLD", message: expect.stringContaining(message) });
    await tooOld(old.wallet.signTransaction({ address: FIRST }, fields), ">= 1.0.3 required for EIP-155");
    await tooOld(
      old.wallet.signTransaction({ address: FIRST }, market),
      ">= 1.9.0 required for EIP-2930/EIP-1559",
    );
    await tooOld(
      old.wallet.signTypedData(
        { address: FIRST },
        { domainHash: new Uint8Array(32), messageHash: new Uint8Array(32) },
      ),
      ">= 1.5.0 required for EIP-712",
    );
    await old.wallet.signTransaction({ address: FIRST }, { ...fields, chainId: undefined });
  });

  test("denied, another key's signature, an account that is not listed", async () => {
    const { wallet, firmware } = await opened();
    await expect(wallet.signTransaction({ address: SECOND }, fields)).rejects.toMatchObject({
      message: "unknown account",
    });
    firmware.options = { ...firmware.options, denies: true };
    await expect(wallet.signTransaction({ address: FIRST }, fields)).rejects.toMatchObject({
      code: "USB_STATUS",
      message: "ledger: denied by the user (0x6985)",
    });
    firmware.options = { ...firmware.options, denies: false, lies: true };
    await expect(wallet.signTransaction({ address: FIRST }, fields)).rejects.toMatchObject({
      code: "USB_SIGNER_MISMATCH",
    });
    await expect(wallet.signText({ address: FIRST }, utf8Encode("x"))).rejects.toMatchObject({
      code: "USB_SIGNER_MISMATCH",
    });
  });

  test("an app that is not open is no error; in browser mode it says so", async () => {
    const firmware = new LedgerFirmware({ mnemonic: WORDS });
    bus.plug(LEDGER, firmware);
    const wallet = await walletOf("ledger");
    await wallet.open("ignored");
    expect(wallet.status().text).toBe("Ethereum app offline");
    await expect(wallet.derive(baseDerivationPath, { pin: true })).rejects.toMatchObject({
      message: "ledger: the Ethereum app is not open (0x6d00)",
    });
    await wallet.close();
    firmware.options = { mnemonic: WORDS, version: [1, 9, 0], isBrowser: true };
    await wallet.open("");
    expect(wallet.status().text).toBe("Ethereum app in browser mode");
  });

  test("frames that are none: wrong channel, wrong order, wrong size", () => {
    const [first, second] = ledgerReports(new Uint8Array(100)).map((one) => one.slice());
    if (first === undefined || second === undefined) throw new Error("two reports");
    const refused = (...reports: Uint8Array[]) => {
      const reply = new LedgerReply();
      expect(() => {
        for (const report of reports) reply.add(report);
      }).toThrow(expect.objectContaining({ code: "USB_HEADER", message: "ledger: invalid reply header" }));
    };
    refused(second);
    refused(first, first);
    refused(first.subarray(0, 63));
    refused(concatBytes(Uint8Array.of(0), first.subarray(1)));
  });
});

describe("Trezor One", () => {
  const fields = {
    type: 0,
    chainId: 1n,
    nonce: 0n,
    gasPrice: 20n,
    gas: 20n,
    to: TO,
    value: 10n,
    input: new Uint8Array(),
  } as const;

  async function opened(options: Partial<ConstructorParameters<typeof TrezorFirmware>[0]> = {}) {
    const firmware = new TrezorFirmware({ mnemonic: FIXTURE_WORDS, ...options });
    bus.plug(TREZOR, firmware);
    const wallet = await walletOf("trezor");
    return { firmware, wallet };
  }

  test("what is on the wire to open it and to ask for an address", async () => {
    const { wallet } = await opened({ mnemonic: WORDS });
    await wallet.open("");
    await wallet.derive(baseDerivationPath, { pin: true });
    const padded = (hex: string) => hex.padEnd(128, "0");
    expect(bus.opened[0]?.sent).toEqual([
      padded("3f2323000000000000"), // Initialize
      padded("3f232300010000000418012001"), // Ping {pin_protection: true, passphrase_protection: true}
      // EthereumGetAddress: five times tag 1
      padded("3f23230038000000" + "16" + "08ac80808008" + "08bc80808008" + "088080808008" + "0800" + "0800"),
    ]);
    expect(wallet.status().text).toBe("Trezor v1.8.1 'my Trezor' online");
    expect(toHex((await wallet.accounts())[0]?.address ?? new Uint8Array())).toBe(toHex(FIRST));
  });

  test("PIN, then passphrase, each asked for by an error", async () => {
    const { wallet, firmware } = await opened({ pin: "1735", passphrase: "secret" });
    await expect(wallet.open("")).rejects.toMatchObject({
      code: "USB_TREZOR_PIN",
      message: "trezor: pin needed",
    });
    expect(wallet.status().text).toBe("Trezor v1.8.1 'my Trezor' waiting for PIN");
    await expect(wallet.open("")).rejects.toMatchObject({ code: "USB_TREZOR_PIN" });
    await expect(wallet.open("1735")).rejects.toMatchObject({ message: "trezor: passphrase needed" });
    await wallet.open("secret");
    expect(wallet.status().text).toBe("Trezor v1.8.1 'my Trezor' online");
    expect(firmware.kinds).toEqual([0, 1, 19, 42]);
  });

  test("a wrong PIN", async () => {
    const { wallet } = await opened({ pin: "1735" });
    await expect(wallet.open("")).rejects.toMatchObject({ code: "USB_TREZOR_PIN" });
    await expect(wallet.open("1111")).rejects.toMatchObject({ message: "trezor: PIN invalid" });
    expect(wallet.status()).toMatchObject({ text: "Failed: trezor: PIN invalid" });
  });

  // trezor-firmware common/tests/fixtures/ethereum/sign_tx.json
  const letters = (text: string, times: number, tail = "") => utf8Encode(text.repeat(times) + tail);
  test.each<[string, string, Partial<TransactionFields>, number, string, string]>([
    [
      "erc20_token",
      "m/44'/60'/0'/0/1",
      {
        to: fromHex("0xfc6b5d6af8a13258f7cbd0d39e11b35e01a32f93"),
        value: 0n,
        input: fromHex(
          "0xa9059cbb000000000000000000000000574bbb36871ba6b78e27f4b4dcfb76ea0091880b0000000000000000000000000000000000000000000000000000000000000123",
        ),
      },
      38,
      "2559bbf1bcb80992b6eaa96f0074b19606d8ea7bf4219e1c9ac64a12855c0cce",
      "633a74429eb6d3aeec4ed797542236a85daab3cab15e37736b87a45697541d7a",
    ],
    [
      "nodata_1",
      "m/44'/60'/0'/0/100",
      {},
      37,
      "364ea282d85ca0e0615ccda301b7b8a56831491284dff36f6738b6110390e154",
      "361a1771b74ca7136a3aef7624ed0818658dc3700e8ae6a1fbce42c4beb59d91",
    ],
    [
      "nodata_2_bigvalue",
      "m/44'/60'/0'/0/100",
      { nonce: 0x1e240n, gasPrice: 0x4e20n, gas: 0x4e20n, value: 0xab54a98ceb1f0ad2n },
      38,
      "60709d8966ea6c63e4c89cfee847d6fe58a96eb17e6240cb1d7a14b4c3f05915",
      "4ff112527ec146b493982a4b42def6babccf27facd6f3554d0d26ba18a88e544",
    ],
    [
      "data_1",
      "m/44'/60'/0'/0/0",
      { input: letters("abcdefghijklmnop", 16) },
      37,
      "88ba4067fb0b71fcd9dd840cfe4d040fc545336287882036ea31826232ba5137",
      "0d855eb6993c2361d58e1789a364567ce97a7df07bb998236500d16af8b3a1a2",
    ],
    [
      "data_2_bigdata",
      "m/44'/60'/0'/0/0",
      {
        nonce: 0x1e240n,
        gasPrice: 0x4e20n,
        gas: 0x4e20n,
        value: 0xab54a98ceb1f0ad2n,
        input: letters("ABCDEFGHIJKLMNOP", 256, "!!!"),
      },
      38,
      "a95a65ef61cafb89ab0e593b2577e3ca23177404b38189375cfc839f0fce9b9e",
      "45efb6846b33da028b77faf920c5154c5302ee55fe34b75c9b7addb40aac40a9",
    ],
  ])("published signature %s", async (_name, path, change, v, r, s) => {
    const { wallet, firmware } = await opened();
    await wallet.open("");
    const { address } = await wallet.derive(parseDerivationPath(path), { pin: true });
    const tx = await wallet.signTransaction({ address }, { ...fields, ...change } as TransactionFields);
    expect([Number(tx.v), tx.r.toString(16).padStart(64, "0"), tx.s.toString(16).padStart(64, "0")]).toEqual([
      v,
      r,
      s,
    ]);
    const chunks = Math.max(0, Math.ceil(((change.input?.length ?? 0) - 1_024) / 1_024));
    expect(firmware.kinds.filter((kind) => kind === 60)).toHaveLength(chunks);
  });

  test("homestead's form, a contract, a chain id beyond 31 bits, a text, firmware that says addresses in bytes", async () => {
    const { wallet } = await opened({ mnemonic: WORDS, isOld: true });
    await wallet.open("");
    await wallet.derive(baseDerivationPath, { pin: true });
    for (const change of [
      { chainId: undefined },
      { to: undefined, input: new Uint8Array(10).fill(1) },
      { chainId: 3_125_659_152n },
    ]) {
      const signed = await wallet.signTransaction({ address: FIRST }, { ...fields, ...change });
      expect(toHex(senderOf(signed))).toBe(toHex(FIRST));
    }
    expect(await wallet.signText({ address: FIRST }, utf8Encode("hello"))).toHaveLength(65);
  });

  // trezor-firmware common/tests/fixtures/ethereum/sign_tx_eip1559.json
  const all = "all all all all all all all all all all all all";
  const feeFields = {
    type: 2,
    ...{ chainId: 1n, nonce: 0n, maxFeePerGas: 20n, maxPriorityFeePerGas: 1n, gas: 20n },
    ...{ to: TO, value: 10n, input: new Uint8Array(), accessList: [] },
  } as const;
  test.each<[string, string, Partial<TransactionFields>, number, string, string]>([
    [
      "nodata",
      "m/44'/60'/0'/0/100",
      {},
      1,
      "2ceeaabc994fbce2fbd66551f9d48fc711c8db2a12e93779eeddede11e41f636",
      "2db4a9ecc73da91206f84397ae9287a399076fdc01ed7f3c6554b1c57c39bf8c",
    ],
    [
      "data_2_bigdata",
      "m/44'/60'/0'/0/0",
      {
        nonce: 0x1e240n,
        gas: 0x4e20n,
        value: 0xab54a98ceb1f0ad2n,
        input: letters("ABCDEFGHIJKLMNOP", 256, "!!!"),
      },
      0,
      "2e4f4c0e7c4e51270b891480060712e9d3bcab01e8ad0fadf2dfddd71504ca94",
      "2599beb32757a144dedc82b79153c21269c9939a9245342bcf35764115b62bc1",
    ],
    [
      "large_chainid",
      "m/44'/60'/0'/0/100",
      { chainId: 3_125_659_152n },
      0,
      "07f8c967227c5a190cb90525c3387691a426fe61f8e0503274280724060ea95c",
      "0bf83eaf74e24aa9146b23e06f9edec6e25acb81d3830e8d146b9e7b6923ad1e",
    ],
    [
      "long_fees",
      "m/44'/60'/0'/0/0",
      { gas: 255n, maxFeePerGas: 0x6b14e9f812f366fb9n, maxPriorityFeePerGas: 0x15681d9b48e13b1e2n },
      1,
      "ece384bf1922afff7b99e017a7326f11f1610c5a08ee87dda7f19572d8019ed9",
      "4e9e2ecbcd032dbc67fb3fc71e24cb21930f68d8788502383ae4a6fd4397af4f",
    ],
  ])("published signature of EIP-1559 %s", async (_name, path, change, v, r, s) => {
    const { wallet, firmware } = await opened({ mnemonic: all, version: [1, 10, 4] });
    await wallet.open("");
    const { address } = await wallet.derive(parseDerivationPath(path), { pin: true });
    const tx = await wallet.signTransaction({ address }, { ...feeFields, ...change } as TransactionFields);
    const hex = (value: bigint) => value.toString(16).padStart(64, "0");
    expect([Number(tx.v), hex(tx.r), hex(tx.s)]).toEqual([v, r, s]);
    expect(firmware.kinds.filter((kind) => kind === 60)).toHaveLength(change.input === undefined ? 0 : 4);
  });

  test("what is on the wire to sign by EIP-1559, with and without an access list", async () => {
    const { wallet } = await opened({ mnemonic: all, version: [1, 12, 1] });
    await wallet.open("");
    const { address } = await wallet.derive(parseDerivationPath("m/44'/60'/0'/0/100"), { pin: true });
    const bytesOf = (accessList: string) => {
      const path = "08ac8080800808bc8080800808808080800808000864";
      const numbers = "1200" + "1a0114" + "220101" + "2a0114";
      const text = Buffer.from(checksumAddress(TO)).toString("hex");
      return `${path}${numbers}322a${text}3a010a420048005001${accessList}`;
    };
    const framed = (body: string) => {
      const message = `232301c4${(body.length / 2).toString(16).padStart(8, "0")}${body}`;
      return (message.match(/.{1,126}/g) ?? []).map((part) => `3f${part}`.padEnd(128, "0"));
    };
    const sentSince = async (accessList: TransactionFields["accessList"]) => {
      const before = bus.opened[0]?.sent.length ?? 0;
      const signed = await wallet.signTransaction({ address }, {
        ...feeFields,
        accessList,
      } as TransactionFields);
      expect(toHex(senderOf(signed))).toBe(toHex(address));
      return bus.opened[0]?.sent.slice(before, -1); // the last one is ButtonAck
    };
    expect(await sentSince([])).toEqual(framed(bytesOf("")));
    const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const entry = `0a2a${Buffer.from(checksumAddress(SECOND)).toString("hex")}1220${"01".repeat(32)}1220${"02".repeat(32)}`;
    const bare = `0a2a${Buffer.from(checksumAddress(FIRST)).toString("hex")}`;
    const list = `5a${(entry.length / 2).toString(16)}${entry}5a${(bare.length / 2).toString(16)}${bare}`;
    expect(
      await sentSince([
        { address: SECOND, storageKeys: keys },
        { address: FIRST, storageKeys: [] },
      ]),
    ).toEqual(framed(bytesOf(list)));
  });

  test("structures by their hashes, with firmware that takes them", async () => {
    const { wallet, firmware } = await opened({ mnemonic: all, version: [1, 10, 5] });
    await wallet.open("");
    const { address } = await wallet.derive(baseDerivationPath, { pin: true });
    // sign_typed_data.json: basic_data
    const hashes = {
      domainHash: fromHex("0x97d6f53774b810fbda27e091c03c6a6d6815dd1270c2e62e82c6917c1eff774b"),
      messageHash: fromHex("0xea6529f0ee9eb0b207b5a8b0ebfa673d398d6a78262818da1d270bd138f81f03"),
    };
    expect(toHex(await wallet.signTypedData({ address }, hashes))).toBe(
      "0x2c2d8c7c1facf5bdcd997b5435bb42f3f4170a111ce079c94b5d1e34414f76560c4600d2167568e052ab846555bd590de93bb230987766c636613262eaeb8bd" +
        "c01",
    );
    expect(firmware.kinds.at(-2)).toBe(470);
  });

  test("typed transactions and structures are not supported by old firmware, types without a message by none; a denial is told", async () => {
    const { wallet, firmware } = await opened({ mnemonic: WORDS });
    await wallet.open("");
    await wallet.derive(baseDerivationPath, { pin: true });
    const typed = { ...fields, type: 1, accessList: [] } as const;
    for (const one of [typed, feeFields])
      await expect(wallet.signTransaction({ address: FIRST }, one)).rejects.toMatchObject({
        message: "not supported",
      });
    const hashes = { domainHash: new Uint8Array(32), messageHash: new Uint8Array(32) };
    await expect(wallet.signTypedData({ address: FIRST }, hashes)).rejects.toMatchObject({
      message: "not supported",
    });
    firmware.options.denies = true;
    await expect(wallet.signTransaction({ address: FIRST }, fields)).rejects.toMatchObject({
      message: "trezor: Action cancelled by user",
    });
  });

  test("replies that are none: another kind, no message, another protocol", async () => {
    const answering = (report: string): HidDevice => ({
      write: async () => {},
      read: async () => fromHex(report.padEnd(128, "0")),
      close: async () => {},
    });
    const says = async (report: string) =>
      new TrezorDriver().open(answering(report), "").then(
        () => "opened",
        (error: Error) => error.message,
      );
    expect(await says("3f2323000200000000")).toBe("trezor: expected reply types [Features], got Success");
    expect(await says("3f2323111100000000")).toBe("trezor: expected reply types [], got 4369");
    expect(await says("3f232300110000000108")).toBe("trezor: reply is no message");
    expect(await says("3f232300110000000108")).toBe("trezor: reply is no message");
    expect(await says("3e2323")).toBe("trezor: invalid reply header");
    expect(await says("3f2324")).toBe("trezor: invalid reply header");
    expect(await says("3f23230011ffffffff")).toBe("trezor: invalid reply header");
  });
});

describe("the hub", () => {
  test("finds its vendor's devices by product, and tells who comes and goes", async () => {
    const [ledgers] = hubs;
    const events: string[] = [];
    ledgers?.events.subscribe(({ type, wallet }) => events.push(`${type} ${wallet.url.path}`));
    bus.plug(
      { vendorId: 0x2c97, productId: 0x1015 },
      new LedgerFirmware({ mnemonic: WORDS, version: [1, 9, 0] }),
      "b",
    );
    bus.plug({ vendorId: 0x2c97, productId: 0x9999 }, new LedgerFirmware({ mnemonic: WORDS }), "other");
    bus.plug(
      { vendorId: 0x2c97, productId: 0x0004, interfaceNumber: 2 },
      new LedgerFirmware({ mnemonic: WORDS }),
      "fido",
    );
    await ledgers?.start();
    expect(events).toEqual(["arrived b"]);
    bus.plug(
      { vendorId: 0x2c97, productId: 0x0004, interfaceNumber: -1, usagePage: 0xffa0 },
      new LedgerFirmware({ mnemonic: WORDS }),
      "a",
    );
    await clock.advance(1_000);
    expect(events).toEqual(["arrived b", "arrived a"]);
    expect((await ledgers?.wallets())?.map(({ url }) => url.path)).toEqual(["a", "b"]);
    bus.plugged.delete("b");
    await clock.advance(1_000);
    expect(events.at(-1)).toBe("dropped b");
  });

  test("looks at most each half second, not while a user is asked, and no more after three failures", async () => {
    const [ledgers] = hubs;
    await ledgers?.wallets();
    await ledgers?.wallets();
    expect(bus.enumerations).toBe(1);
    await clock.advance(499);
    await ledgers?.wallets();
    expect(bus.enumerations).toBe(1);
    await clock.advance(1);
    await ledgers?.wallets();
    expect(bus.enumerations).toBe(2);
    bus.failing = true;
    for (let i = 0; i < 5; i++) {
      await clock.advance(500);
      await ledgers?.wallets();
    }
    expect(bus.enumerations).toBe(5);
  });

  test("a device that is pulled out is closed by its heartbeat, and found again", async () => {
    bus.plug(LEDGER, new LedgerFirmware({ mnemonic: WORDS, version: [1, 9, 0] }));
    const wallet = await walletOf("ledger");
    await wallet.open("");
    await clock.advance(3_000);
    expect(wallet.status().text).toBe("Ethereum app v1.9.0 online");
    const [device] = bus.opened as FakeHid[];
    if (device !== undefined) device.isUnplugged = true;
    await clock.advance(1_000);
    expect(wallet.status().text).toBe("Closed");
    const again = await walletOf("ledger");
    expect(again).not.toBe(wallet);
    await again.open("");
  });

  test("self-derivation lists used accounts from each base on, and the first unused one of the last", async () => {
    bus.plug(LEDGER, new LedgerFirmware({ mnemonic: WORDS, version: [1, 9, 0] }));
    const wallet = await walletOf("ledger");
    await wallet.open("");
    const used = new Set([toHex(FIRST), toHex(SECOND)]);
    let asked = 0;
    const chain = {
      balance: async (address: Uint8Array) => (used.has(toHex(address)) ? 1n : 0n),
      nonce: async () => {
        asked++;
        return 0n;
      },
    };
    wallet.selfDerive([legacyLedgerDerivationPath, baseDerivationPath], chain);
    const paths = async () => (await wallet.accounts()).map(({ url }) => url.path.slice(5));
    expect(await paths()).toEqual(["m/44'/60'/0'/0/0", "m/44'/60'/0'/0/1", "m/44'/60'/0'/0/2"]);
    const before = asked;
    await paths();
    expect(asked).toBe(before);
    used.add(toHex((await wallet.accounts())[2]?.address ?? new Uint8Array()));
    await clock.advance(1_000);
    expect(await paths()).toContain("m/44'/60'/0'/0/3");
    wallet.selfDerive([], undefined);
  });
});

describe("the real port", () => {
  test("without the package it says how to get it", async () => {
    await expect(
      loadUsbPort(async () => {
        throw new Error("Cannot find package 'usb'");
      }),
    ).rejects.toMatchObject({
      code: "USB_NO_TRANSPORT",
      message: expect.stringContaining("npm install usb@3.1.0"),
    });
  });

  test("devices of the package's version 3: listed by vendor, claimed, read and written by their endpoints", async () => {
    const calls: string[] = [];
    const device = {
      vendorId: 0x2c97,
      productId: 0x1011,
      bus: "1-2",
      address: 5,
      configurations: [
        {
          configurationValue: 1,
          interfaces: [
            {
              interfaceNumber: 0,
              alternate: {
                interfaceClass: 3,
                endpoints: [
                  { endpointNumber: 2, direction: "in" },
                  { endpointNumber: 3, direction: "out" },
                ],
              },
            },
          ],
        },
      ],
      open: async () => void calls.push("open"),
      close: async () => void calls.push("close"),
      claimInterface: async (number: number) => void calls.push(`claim ${number}`),
      detachKernelDriver: async (number: number) => {
        calls.push(`detach ${number}`);
        throw new Error("not there");
      },
      transferIn: async (endpoint: number, length: number) => {
        calls.push(`in ${endpoint} ${length}`);
        return { data: new DataView(new Uint8Array(64).fill(1).buffer) };
      },
      transferOut: async (endpoint: number, data: Uint8Array) =>
        void calls.push(`out ${endpoint} ${data.length}`),
    };
    const port = await loadUsbPort(async () => ({ usb: { getDevices: async () => [device] } }));
    expect(await port.enumerate(0x534c)).toEqual([]);
    const [info] = await port.enumerate(0x2c97);
    expect(info).toEqual({
      path: "1-2:5:2c97:1011",
      vendorId: 0x2c97,
      productId: 0x1011,
      usagePage: 0,
      interfaceNumber: 0,
    });
    if (info === undefined) return;
    const open = await port.open(info);
    await open.write(new Uint8Array(64));
    expect(await open.read()).toEqual(new Uint8Array(64).fill(1));
    await open.close();
    expect(calls).toEqual(["open", "detach 0", "claim 0", "out 3 64", "in 2 64", "close"]);
    await expect(port.open({ ...info, path: "gone" })).rejects.toMatchObject({ code: "USB_DEVICE" });
  });
});
