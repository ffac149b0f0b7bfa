// Import of RLP chains: blocks and gas per second, CPU, peak memory and the size of the database, of our chain (LevelDB, every
// block verified and executed), of `geth import` and of @ethereumjs/vm's runBlock alone (in memory, no seals, its own checks of
// roots). "glim" and "geth" keep every state, "glim-full" and "geth-full" those of recent blocks. Each is a process of its own
// on core 1; start and end of the process count.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const room = (name) => import(new URL(`../dist/${name}/index.js`, import.meta.url).href);
const runs = {
  glim: (...args) => importOurs("archive", ...args),
  "glim-full": (...args) => importOurs("full", ...args),
  vm: importTheirs,
};
const [, , mode, ...rest] = process.argv;
if (mode === "--run") await runs[rest[0]](...rest.slice(1));
else await main();

async function importOurs(gcMode, genesisFile, chainFile, dataDir) {
  const [{ BlockChain, importChain }, { makeEngine }, { openLevelStore }, { parseGenesis }] =
    await Promise.all([
      room("core"),
      import(new URL("../dist/eth/engine.js", import.meta.url).href),
      room("ethdb"),
      room("params"),
    ]);
  const { nodeHost } = await room("host/node");
  const genesis = parseGenesis(JSON.parse(readFileSync(genesisFile, "utf8")));
  const db = await openLevelStore(join(dataDir, "chaindata"));
  const { clock } = nodeHost();
  const chain = new BlockChain({ db, genesis, engine: makeEngine(genesis.config, db), clock, gcMode });
  const { imported, gas } = await importChain(chain, createReadStream(chainFile));
  await chain.persist?.({ isLast: true });
  await db.close();
  console.log(JSON.stringify({ blocks: imported, gas: Number(gas) }));
}

async function importTheirs(genesisFile, chainFile, _dataDir, most) {
  const { createBlockFromRLP } = await import("@ethereumjs/block");
  const { Common, Hardfork } = await import("@ethereumjs/common");
  const { RLP } = await import("@ethereumjs/rlp");
  const { Account, Address, hexToBytes } = await import("@ethereumjs/util");
  const { createVM, runBlock } = await import("@ethereumjs/vm");
  const genesis = JSON.parse(readFileSync(genesisFile, "utf8"));
  const { config } = genesis;
  const older = [
    "chainstart",
    "homestead",
    "tangerineWhistle",
    "spuriousDragon",
    "byzantium",
    "constantinople",
  ];
  const hardfork = config.istanbulBlock === undefined ? Hardfork.Petersburg : Hardfork.Istanbul;
  const forks = [...older, Hardfork.Petersburg, ...(hardfork === Hardfork.Istanbul ? [hardfork] : [])];
  const chain = {
    name: "bench",
    chainId: config.chainId,
    genesis: {
      gasLimit: genesis.gasLimit,
      difficulty: genesis.difficulty,
      nonce: "0x0000000000000000",
      extraData: genesis.extraData,
    },
    hardforks: forks.map((name) => ({ name, block: 0 })),
    bootstrapNodes: [],
    consensus: { type: "poa", algorithm: "clique", clique: { period: 1, epoch: 30_000 } },
  };
  const common = new Common({ chain, hardfork });
  const only = new Address(hexToBytes(genesis.extraData).slice(32, 52)); // the chains here have one signer
  const vm = await createVM({ common, evmOpts: { cliqueSigner: () => only } });
  const bare = (hex) => hexToBytes(`0x${hex.replace(/^0x/, "")}`);
  for (const [key, { balance, nonce = 0, code, storage = {} }] of Object.entries(genesis.alloc)) {
    const address = new Address(bare(key));
    await vm.stateManager.putAccount(address, new Account(BigInt(nonce), BigInt(balance)));
    if (code !== undefined && code !== "0x") await vm.stateManager.putCode(address, bare(code));
    for (const [slot, value] of Object.entries(storage))
      await vm.stateManager.putStorage(address, bare(slot), bare(value));
  }
  await vm.stateManager.flush();
  let bytes = new Uint8Array(readFileSync(chainFile));
  let [blocks, gas] = [0, 0];
  while (bytes.length > 0 && blocks < Number(most)) {
    const { data, remainder } = RLP.decode(bytes, true);
    bytes = remainder;
    const block = createBlockFromRLP(RLP.encode(data), { common, setHardfork: false });
    if (block.header.number === 0n) continue;
    const root = await vm.stateManager.getStateRoot();
    await runBlock(vm, { block, root, skipHeaderValidation: true, skipBlockValidation: true });
    blocks++;
    gas += Number(block.header.gasUsed);
  }
  console.log(JSON.stringify({ blocks, gas }));
}

async function main() {
  const kit = await import("./kit.mjs");
  const options = kit.flags("node bench/import.mjs: import of RLP chains", {
    geth: "1.11.6",
    chains: "accounts,traffic",
    rivals: "geth,geth-full,glim-full,vm",
    "vm-blocks": 200,
    rounds: 3,
    busy: "no",
  });
  kit.checkLoad(options.busy);
  const home = mkdtempSync(join(tmpdir(), "glim-import-"));
  process.once("exit", () => rmSync(home, { recursive: true, force: true }));
  const { sealedChain } = await import(new URL("dist/test/kit/chains.js", import.meta.url).href);
  const makers = {
    accounts: () => kit.cliqueChain(),
    traffic: () => sealedChain({ blocks: 2000, transactions: 10, accounts: 2000, forks: "istanbul" }),
  };
  for (const name of options.chains.split(",")) {
    const { genesis, file } = await makers[name]();
    const genesisFile = join(home, `${name}.json`);
    writeFileSync(genesisFile, JSON.stringify(genesis));
    const contenders = [...options.rivals.split(",").filter((one) => one !== "none"), "glim"];
    const rows = contenders.map((contender) => ({ contender, results: [] }));
    let whole;
    for (let round = 0; round < options.rounds; round++)
      for (const { contender, results } of round % 2 === 0 ? rows : rows.toReversed()) {
        const folder = mkdtempSync(join(home, "data-"));
        const work = {
          contender,
          genesisFile,
          file,
          folder,
          most: options["vm-blocks"],
          version: options.geth,
        };
        const result = await (contender.startsWith("geth") ? runGeth(kit, work) : runNode(kit, work));
        if (contender === "glim") whole = result;
        results.push({ ...result, mb: kit.folderMb(folder) });
        rmSync(folder, { recursive: true, force: true });
      }
    for (const { contender, results } of rows) {
      const of = (field) => kit.median(results.map((one) => one[field]));
      // geth tells no sums: it took in the same chain
      const { blocks, gas } = contender.startsWith("geth") ? whole : results[0];
      console.log(
        `${name.padEnd(9)} ${contender.padEnd(9)} ${blocks} blocks, ${(gas / 1e6).toFixed(0)} Mgas  ` +
          `${(blocks / of("seconds")).toFixed(0)} blocks/s  ${(gas / 1e6 / of("seconds")).toFixed(1)} Mgas/s  ` +
          `CPU ${of("cpu").toFixed(1)} s, ${(gas / 1e6 / of("cpu")).toFixed(1)} Mgas per second of it  ` +
          `peak ${of("peakMb").toFixed(0)} MB  database ${of("mb").toFixed(1)} MB  load ${loadavg()[0].toFixed(1)}`,
      );
    }
  }
  process.exit(0);
}

async function runNode(kit, { contender, genesisFile, file, folder, most }) {
  const flags = (process.env.GLIM_NODE_FLAGS ?? "").split(" ").filter((flag) => flag !== ""); // e.g. --cpu-prof
  const script = fileURLToPath(import.meta.url);
  const args = [...flags, script, "--run", contender, genesisFile, file, folder, String(most)];
  const { output, ...used } = await measured(kit, process.execPath, args);
  return { ...used, ...JSON.parse(output.trim().split("\n").at(-1)) };
}

async function runGeth(kit, { contender, genesisFile, file, folder, version }) {
  const { path } = await kit.gethBinary(version);
  const common = ["--datadir", folder, "--verbosity", "1"];
  await measured(kit, path, [...common, "init", genesisFile]);
  const isFull = contender === "geth-full";
  const mode = ["--syncmode", "full", "--gcmode", isFull ? "full" : "archive", `--snapshot=${isFull}`];
  const { output: _, ...used } = await measured(kit, path, [...common, ...mode, "import", file]);
  return used;
}

/** Runs a program on core 1; CPU and peak memory are read from /proc while it lives. */
async function measured(kit, command, args) {
  const from = process.hrtime.bigint();
  const child = spawn(...kit.pinned(1, command, args), { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (errors = (errors + chunk).slice(-4000)));
  const used = { cpu: 0, peakMb: 0 };
  const look = setInterval(() => {
    if (!existsSync(`/proc/${child.pid}/status`)) return;
    try {
      used.cpu = kit.cpuSeconds(child.pid) || used.cpu;
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
      used.peakMb = Number(peak ?? used.peakMb * 1024) / 1024;
    } catch {
      // it ended in between
    }
  }, 50);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${code}\n${output}${errors}`);
  return { ...used, output, seconds: Number(process.hrtime.bigint() - from) / 1e9 };
}
