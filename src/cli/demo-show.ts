import { createAddress, encodeTransaction, signTransaction, type Transaction } from "#core/types";
import { LightEthereum } from "#les";
import type { Node } from "#node";
import { type Hex, toHex } from "#util";
import { addCall, jarInitCode } from "./demo-contract.ts";
import { HISTORY_ACCOUNTS, historyAccount } from "./demo-history.ts";
import type { DevAccount } from "./dev-chain.ts";
import type { Io } from "./io.ts";

const GWEI = 1_000_000_000n;
const ETHER = 10n ** 18n;

interface Receipt {
  readonly blockNumber: Hex;
  readonly status: Hex;
  readonly logs: readonly unknown[];
}

/** Runs the guided show: each step reads through the light node's own JSON-RPC and says what was proven, its bytes and its time. */
export class DemoShow {
  readonly #node: Node;
  readonly #light: LightEthereum;
  readonly #io: Io;
  readonly #chainId: bigint;

  constructor(node: Node, chainId: bigint, io: Io) {
    this.#node = node;
    this.#light = node.service(LightEthereum);
    this.#chainId = chainId;
    this.#io = io;
  }

  async run([alice, bob]: readonly DevAccount[], signal: AbortSignal): Promise<void> {
    if (alice === undefined || bob === undefined) throw new RangeError("the show needs two accounts");
    await this.#step("headers", async () => {
      const head = await this.#light.synced({ signal });
      return `${head.number + 1} headers, the signer's seal checked on each`;
    });
    await this.#step("balance", async () => {
      const balance = BigInt(await this.#ask<Hex>("eth_getBalance", toHex(alice.address), "latest"));
      return `${short(alice.address)} has ${balance / ETHER} ether, by a Merkle proof against the header's state root`;
    });
    await this.#step("another", async () => {
      const n = Math.floor(HISTORY_ACCOUNTS / 3);
      const balance = BigInt(await this.#ask<Hex>("eth_getBalance", toHex(historyAccount(n)), "latest"));
      return `${short(historyAccount(n))}, one of ${HISTORY_ACCOUNTS}, has ${balance} wei: only what the first proof lacked was fetched`;
    });
    await this.#step("absence", async () => {
      const nobody = new Uint8Array(20).fill(0xab);
      const balance = BigInt(await this.#ask<Hex>("eth_getBalance", toHex(nobody), "latest"));
      return `${short(nobody)} has ${balance}: proven to be in no state, not just unanswered`;
    });
    const jar = createAddress(alice.address, 0n);
    await this.#transact(
      "deploy",
      alice,
      { nonce: 0n, input: jarInitCode },
      signal,
      (receipt) =>
        `contract ${short(jar)} created in block ${BigInt(receipt.blockNumber)}; the receipt is proven by its block's receipt root`,
    );
    await this.#transact(
      "send",
      alice,
      { nonce: 1n, to: jar, input: addCall(42n) },
      signal,
      (receipt) => `42 added in block ${BigInt(receipt.blockNumber)}, with ${receipt.logs.length} event`,
    );
    await this.#step("storage", async () => {
      const slot = BigInt(await this.#ask<Hex>("eth_getStorageAt", toHex(jar), "0x0", "latest"));
      return `slot 0 of the contract is ${slot}, by the account's proof and the slot's`;
    });
    await this.#step("call", async () => {
      const result = BigInt(await this.#ask<Hex>("eth_call", { to: toHex(jar), data: "0x" }, "latest"));
      return `the contract's code, proven by its hash, ran here and returned ${result}`;
    });
    await this.#step("logs", async () => {
      const logs = await this.#ask<readonly unknown[]>("eth_getLogs", {
        address: toHex(jar),
        fromBlock: "0x0",
        toBlock: "latest",
      });
      return `${logs.length} event found in the whole chain, from proven receipts`;
    });
    await this.#transact(
      "transfer",
      alice,
      { nonce: 2n, to: bob.address, value: ETHER, input: new Uint8Array() },
      signal,
      (receipt) => `1 ether to ${short(bob.address)} in block ${BigInt(receipt.blockNumber)}`,
    );
  }

  async #ask<T>(method: string, ...params: unknown[]): Promise<T> {
    return this.#node.attach().request<T>({ method, params });
  }

  /** Runs one step and prints its line: what, bytes from the peer, proofs, time. */
  async #step(name: string, work: () => Promise<string>): Promise<void> {
    const before = this.#light.status();
    const from = this.#io.clock.now();
    const text = await work();
    const tookMs = this.#io.clock.now() - from;
    const after = this.#light.status();
    const bytes = after.bytesIn - before.bytesIn;
    const proofs = after.proofsChecked - before.proofsChecked;
    this.#io.print(`  ${name.padEnd(9)} ${text}`);
    const proven =
      bytes === 0
        ? "nothing fetched, proven by what is kept"
        : `${bytes} bytes from the peer, ${proofs} answer${proofs === 1 ? "" : "s"} proven`;
    this.#io.print(`  ${"".padEnd(9)} ${proven}, ${tookMs.toFixed(1)} ms`);
  }

  /** Sends a transaction through the light node and waits until its receipt is proven. */
  async #transact(
    name: string,
    from: DevAccount,
    fields: { nonce: bigint; to?: Uint8Array; value?: bigint; input: Uint8Array },
    signal: AbortSignal,
    tell: (receipt: Receipt) => string,
  ): Promise<void> {
    await this.#step(name, async () => {
      const tx: Transaction = signTransaction(
        {
          type: 2,
          chainId: this.#chainId,
          gas: 300_000n,
          maxFeePerGas: 10n * GWEI,
          maxPriorityFeePerGas: GWEI,
          value: 0n,
          accessList: [],
          ...fields,
        },
        from.key,
      );
      const hash = await this.#ask<Hex>("eth_sendRawTransaction", toHex(encodeTransaction(tx)));
      return tell(await this.#receiptOf(hash, signal));
    });
  }

  /** Looks at each new head until the transaction is in it. */
  async #receiptOf(hash: Hex, signal: AbortSignal): Promise<Receipt> {
    const heads = this.#light.headEvents.stream({ signal });
    for (;;) {
      const receipt = await this.#ask<Receipt | null>("eth_getTransactionReceipt", hash);
      if (receipt !== null) {
        await heads.return?.();
        return receipt;
      }
      const { done } = await heads.next();
      if (done === true) throw signal.reason;
    }
  }
}

function short(address: Uint8Array): string {
  const hex = toHex(address);
  return `${hex.slice(0, 8)}…${hex.slice(-4)}`;
}
