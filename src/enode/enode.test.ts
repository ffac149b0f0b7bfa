import { parsePrivateKey, publicKeyOf } from "#crypto";
import { fromHex } from "#util";
import { describe, expect, test } from "vitest";
import { formatEnode, makeEnode, nodeIdOf, parseEnode } from "./index.ts";

// geth p2p/enode/urlv4_test.go@v1.8.27: the key and the node it names
const KEY =
  "1dd9d65c4552b5eb43d5ad55a2ee3f56c6cbc1c64a5c8d659f51fcd51bace24351232b8d7821617d2b29b54b81cdefb9b3e9c37d7fd5f63270bcc9e1a6f6a439";

describe("parseEnode", () => {
  test.each([
    ["http://foobar", 'invalid URL scheme, want "enode"'],
    [`enode://01010101@123.124.125.126:3`, "invalid node ID (wrong length, want 128 hex chars)"],
    [`enode://${KEY}@127.0.0.1.2:3`, "invalid IP address"],
    [`enode://${KEY}@hostname:3`, "invalid IP address"],
    [`enode://${KEY}@127.0.0.1:foo`, "invalid port"],
    [`enode://${KEY}@127.0.0.1:65536`, "invalid port"],
    [`enode://${KEY}@127.0.0.1:3?discport=foo`, "invalid discport in query"],
    [`enode://${KEY}@127.0.0.1`, "invalid host: address 127.0.0.1: missing port in address"],
    [`enode://${KEY}@::1:3`, "invalid host: address ::1:3: too many colons in address"],
    ["01010101", "invalid node ID (wrong length, want 128 hex chars)"],
    ["enode://01010101", "invalid node ID (wrong length, want 128 hex chars)"],
    ["enode://127.0.0.1:3", "does not contain node ID"],
    ["://foo", 'invalid URL scheme, want "enode"'],
    ["", 'invalid URL scheme, want "enode"'],
    [`enode://${"0".repeat(128)}@127.0.0.1:3`, "invalid node ID (invalid public key (not on the curve))"],
    [`enode://${"zz".repeat(64)}@127.0.0.1:3`, "invalid node ID (not hex)"],
  ])("%s: %s", (text, message) => {
    expect(() => parseEnode(text)).toThrowError(
      expect.objectContaining({ message, blame: "environment", exitCode: 2 }),
    );
  });

  test.each([
    [`enode://${KEY}@127.0.0.1:52150`, { ip: "127.0.0.1", tcp: 52150, udp: 52150 }],
    [`enode://${KEY}@[::]:52150`, { ip: "::", tcp: 52150, udp: 52150 }],
    [`enode://${KEY}@[2001:db8:3c4d:15::abcd:ef12]:52150`, { ip: "2001:db8:3c4d:15::abcd:ef12", tcp: 52150 }],
    [`enode://${KEY}@127.0.0.1:52150?discport=22334`, { tcp: 52150, udp: 22334 }],
    [`enode://${KEY}@127.0.0.1:30303?discport=0`, { tcp: 30303, udp: 0 }],
    [`enode://${KEY}`, { ip: undefined, tcp: 0, udp: 0 }],
  ])("%s, and back", (text, want) => {
    const node = parseEnode(text);
    expect(node).toMatchObject({ id: nodeIdOf(node.publicKey), ...want });
    expect(formatEnode(node)).toBe(text);
  });

  test("bare hex, upper case, mapped IPv4", () => {
    expect(formatEnode(parseEnode(KEY))).toBe(`enode://${KEY}`);
    expect(parseEnode(`enode://${KEY.toUpperCase()}@[::ffff:10.0.0.1]:1`)).toMatchObject({ ip: "10.0.0.1" });
  });

  test("any text gives a node or an ENODE error (seed 4)", () => {
    let state = 4;
    const next = (bound: number) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % bound;
    const text = `enode://${KEY}@127.0.0.1:30303?discport=30301`;
    for (let i = 0; i < 2000; i++) {
      const chars = text.split("");
      for (let k = next(4); k >= 0; k--) chars[next(chars.length)] = String.fromCharCode(next(256));
      try {
        parseEnode(chars.slice(0, next(3) === 0 ? next(chars.length) : chars.length).join(""));
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ENODE_/) });
      }
    }
  });
});

test("the id is keccak of the key: the pair of EIP-778", () => {
  const key = parsePrivateKey(fromHex("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291"));
  expect(nodeIdOf(publicKeyOf(key))).toBe("a448f24c6d18e575453db13171562b71999873db5b286df957af199ec94617f7");
  expect(makeEnode(publicKeyOf(key)).id).toBe(nodeIdOf(publicKeyOf(key)));
  expect(() => makeEnode(new Uint8Array(64))).toThrow("not on the curve");
});
