// The EVM: a block of 500 transfers, root included, and a call that reads a slot; ours against @ethereumjs/vm as it comes, and
// against it with native ecrecover and WASM keccak. Every round works on transactions just decoded. `npx tsc -b` first.
import { createBlock } from "@ethereumjs/block";
import { Common, Hardfork, Mainnet } from "@ethereumjs/common";
import { createTxFromRLP } from "@ethereumjs/tx";
import { Account, Address } from "@ethereumjs/util";
import { createVM, runBlock } from "@ethereumjs/vm";
import { applyDiff, genesisState, stateReader } from "../dist/core/state/index.js";
import {
  decodeTransaction,
  emptyTxRoot,
  emptyUnclesHash,
  encodeTransaction,
  makeHeader,
  receiptRoot,
  signTransaction,
} from "../dist/core/types/index.js";
import { executeBlock, runCall } from "../dist/core/vm/index.js";
import { addressOf, generateKey, keccak256, publicKeyOf, recover } from "../dist/crypto/index.js";
import { mainnetConfig } from "../dist/params/index.js";
import { ByteMap, fromHex, toHex } from "../dist/util/index.js";
import { ratios } from "./ratio.mjs";

const TRANSFERS = 500;
const place = { number: 13_000_000, time: 1_628_700_000 };
const keys = Array.from({ length: TRANSFERS }, () => generateKey());
const encoded = keys.map((key, i) =>
  encodeTransaction(
    signTransaction(
      {
        type: 2,
        chainId: 1n,
        nonce: 0n,
        maxFeePerGas: 10n ** 10n,
        maxPriorityFeePerGas: 1n,
        gas: 21_000n,
        to: keccak256(Uint8Array.of(i >> 8, i & 255)).slice(0, 20),
        value: 1n,
        input: new Uint8Array(0),
        accessList: [],
      },
      key,
    ),
  ),
);
const contract = fromHex("0x00000000000000000000000000000000000000c0");
const code = fromHex("0x60005460005260206000f3"); // returns slot 0
const slot = new Uint8Array(32);

function ours() {
  const accounts = keys.map((key) => ({
    address: addressOf(publicKeyOf(key)),
    balance: 10n ** 18n,
    nonce: 0n,
    code: new Uint8Array(0),
    storage: [],
  }));
  const state = genesisState({
    alloc: [
      ...accounts,
      { address: contract, balance: 0n, nonce: 1n, code, storage: [[slot, Uint8Array.of(9)]] },
    ],
  });
  const nodes = new ByteMap();
  const codes = new ByteMap();
  for (const [hash, node] of state.nodes) nodes.set(hash, node);
  for (const [hash, bytes] of state.codes) codes.set(hash, bytes);
  const header = makeHeader({
    parentHash: new Uint8Array(32),
    unclesHash: emptyUnclesHash,
    coinbase: contract,
    stateRoot: state.root,
    txRoot: emptyTxRoot,
    receiptRoot: emptyTxRoot,
    bloom: new Uint8Array(256),
    difficulty: 1n,
    ...place,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    extra: new Uint8Array(0),
    mixDigest: new Uint8Array(32),
    nonce: new Uint8Array(8),
    baseFee: 7n,
  });
  return {
    async block() {
      const transactions = encoded.map(decodeTransaction);
      const result = await executeBlock(
        mainnetConfig,
        header,
        { transactions, uncles: [] },
        stateReader(nodes, codes, state.root),
      );
      receiptRoot(result.receipts);
      return applyDiff(nodes, state.root, result.diff).root;
    },
    async call() {
      const result = await runCall(
        { config: mainnetConfig, header },
        { to: contract },
        stateReader(nodes, codes, state.root),
      );
      return result.returnData[31];
    },
  };
}

async function theirs(customCrypto) {
  const common = new Common({
    chain: Mainnet,
    hardfork: Hardfork.London,
    ...(customCrypto ? { customCrypto } : {}),
  });
  const vm = await createVM({ common });
  for (const key of keys)
    await vm.stateManager.putAccount(new Address(addressOf(publicKeyOf(key))), new Account(0n, 10n ** 18n));
  await vm.stateManager.putAccount(new Address(contract), new Account(1n, 0n));
  await vm.stateManager.putCode(new Address(contract), code);
  await vm.stateManager.putStorage(new Address(contract), slot, Uint8Array.of(9));
  const root = await vm.stateManager.getStateRoot();
  const header = {
    number: place.number,
    timestamp: place.time,
    gasLimit: 30_000_000n,
    coinbase: contract,
    baseFeePerGas: 7n,
    difficulty: 1n,
  };
  return {
    async block() {
      const transactions = encoded.map((bytes) => createTxFromRLP(bytes, { common }));
      const block = createBlock({ header, transactions }, { common, skipConsensusFormatValidation: true });
      const result = await runBlock(vm, { block, root, skipBlockValidation: true, generate: true });
      return result.stateRoot;
    },
    /** As its client serves eth_call: a copy of the VM at the root. */
    async call() {
      const copy = await vm.shallowCopy();
      await copy.stateManager.setStateRoot(root);
      const result = await copy.evm.runCall({ to: new Address(contract), gasLimit: 50_000_000n });
      return result.execResult.returnValue[31];
    },
  };
}

const native = {
  keccak256: (message) => keccak256(message),
  ecrecover(hash, v, r, s) {
    const signature = new Uint8Array(65);
    signature.set(r, 32 - r.length);
    signature.set(s, 64 - s.length);
    signature[64] = Number(v > 1n ? v - 27n : v);
    const key = recover(hash, signature);
    if (key === undefined) throw new RangeError("no key");
    return key;
  },
};
const glim = ours();
const plain = await theirs();
const fast = await theirs(native);
const roots = [await glim.block(), await plain.block(), await fast.block()].map(toHex);
if (new Set(roots).size !== 1) throw new Error(`different roots: ${roots.join(" ")}`);
const answers = [await glim.call(), await plain.call(), await fast.call()];
if (answers.some((answer) => answer !== 9)) throw new Error(`different answers: ${answers.join(" ")}`);

await ratios(
  `a block of ${TRANSFERS} transfers: decode, recover, execute, roots`,
  {
    "@ethereumjs/vm": () => plain.block(),
    "@ethereumjs/vm, native crypto": () => fast.block(),
    glim: () => glim.block(),
  },
  { rounds: 7 },
);
await ratios("a call that reads a slot", {
  "@ethereumjs/vm": () => plain.call(),
  "@ethereumjs/vm, native crypto": () => fast.call(),
  glim: () => glim.call(),
});
