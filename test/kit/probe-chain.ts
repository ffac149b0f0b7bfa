// A chain with everything that a block can hold before the merge, for comparing what nodes say of it.
import { keySigner } from "#consensus/clique";
import { signTransaction, type Transaction, type TransactionFields } from "#core/types";
import { fromHex, numberToBytes } from "#util";
import { namedKey } from "./clique.ts";
import { deployCode, probeCall, probeCode } from "./contract.ts";
import { type FullBackend, probeAddress, users } from "./full-backend.ts";

const word = (value: number) => numberToBytes(value, 32);
const [alice, bob, carol] = users;

/** Twelve blocks: every type of transaction, creations, failures, logs, empty ones. Returns the 21 transactions. */
export async function makeProbeChain({ ethereum }: FullBackend): Promise<readonly Transaction[]> {
  const transactions: Transaction[] = [];
  const signer = keySigner(namedKey("signer"));
  const nonces = new Map<string, bigint>();
  const make = (
    user: (typeof users)[number] | undefined,
    fields: Partial<TransactionFields>,
  ): Transaction => {
    if (user === undefined) throw new Error("no user");
    const nonce = nonces.get(user.address) ?? 0n;
    nonces.set(user.address, nonce + 1n);
    const base = {
      type: 0,
      chainId: 1337n,
      nonce,
      gas: 200_000n,
      value: 0n,
      input: new Uint8Array(0),
    } as const;
    const price =
      fields.type === 2
        ? { maxFeePerGas: 9_000_000_000n, maxPriorityFeePerGas: 1_500_000_000n }
        : { gasPrice: 3_000_000_000n };
    const tx = signTransaction({ ...base, ...price, ...fields }, user.key);
    transactions.push(tx);
    return tx;
  };
  const probe = fromHex(probeAddress);
  const to = fromHex(bob?.address ?? "0x");
  const accessList = [
    { address: probe, storageKeys: [word(0), word(1)] },
    { address: to, storageKeys: [] },
  ];
  const set = (value: number) => probeCall("set", word(value));
  const blocks: (() => Transaction[])[] = [
    () => [make(alice, { to, value: 10n ** 15n })],
    () => [make(alice, { to, value: 1n, chainId: undefined })], // before EIP-155
    () => [make(bob, { type: 1, to: probe, input: set(5), accessList })],
    () => [
      make(carol, { type: 2, to: probe, input: set(6), accessList: [] }),
      make(alice, { type: 2, to: probe, input: set(7), accessList }),
    ],
    () => [],
    () => [
      make(alice, { input: deployCode(probeCode), gas: 500_000n }),
      make(bob, { type: 2, input: deployCode(probeCode), gas: 500_000n, accessList: [] }),
    ],
    () => [
      make(alice, { to: probe, input: probeCall("fail") }),
      make(bob, { to: probe, input: probeCall("bad"), gas: 60_000n }),
    ],
    () => [
      make(carol, { input: fromHex("0xfe"), gas: 60_000n }),
      make(carol, {
        type: 2,
        to: probe,
        input: set(8),
        accessList: [],
        maxPriorityFeePerGas: 7_000_000_000n,
      }),
    ],
    () =>
      Array.from({ length: 8 }, (_, i) =>
        make(users[i % 3], {
          type: i % 2 === 0 ? 2 : 0,
          to: probe,
          input: set(i),
          ...(i % 2 === 0 ? { accessList: [] } : {}),
        }),
      ),
    () => [
      make(alice, {
        type: 2,
        to: fromHex(alice?.address ?? "0x"),
        value: 5n,
        accessList: [],
        input: fromHex("0xdeadbeef"),
      }),
    ],
    () => [],
    () => [make(bob, { to, value: 3n })],
  ];
  for (const block of blocks) {
    const built = await ethereum.chain.produceBlock(block(), { signer, time: ethereum.chain.head.time + 7 });
    const [skipped] = built.skipped;
    if (skipped !== undefined) throw skipped.error;
  }
  return transactions;
}
