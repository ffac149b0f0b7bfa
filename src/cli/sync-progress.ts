import { parseEnode } from "#enode";
import type { Ethereum } from "#eth";
import type { LightEthereum } from "#les";
import type { Logger } from "#log";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

const EVERY_MS = 2_000;

/** What says that the user named the wrong network, so that waiting for a better server is no use. */
const WRONG_NETWORK: ReadonlySet<string> = new Set([
  "LES_GENESIS_MISMATCH",
  "LES_NETWORK_MISMATCH",
  "LES_FORK_ID_REJECTED",
]);

/**
 * Rejects when every server that was named turned out to be of another chain. Strangers that connect to us, and one wrong
 * server beside one that may come yet, end nothing.
 * @throws CLI_WRONG_NETWORK
 */
export async function watchRefusals(
  light: LightEthereum,
  {
    peers,
    log,
    signal,
  }: { readonly peers: readonly string[]; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const named = new Set(peers.map((url) => parseEnode(url).id));
  const wrong = new Set<string>(); // BOUNDED by `named`
  for await (const { enode, error } of light.refusedServers.stream({ signal })) {
    const { id } = parseEnode(enode);
    if (!named.has(id) || !WRONG_NETWORK.has(error.code)) continue;
    wrong.add(id);
    if (wrong.size === named.size) throw CliError("WRONG_NETWORK", { enode, why: error.message });
    log.warn("a server that was named is of another chain", { enode, error });
  }
}

/** Says how far the headers are, with rate and time left, until the first sync is done. Logs new heads after that. */
export async function followSync(
  light: LightEthereum,
  log: Logger,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const from = { at: io.clock.now(), number: light.head.number };
  const synced = light.synced({ signal }).then(
    (head) => head,
    () => undefined, // stopped meanwhile
  );
  let isDone = false;
  void synced.then(() => {
    isDone = true;
  });
  while (!isDone && !signal.aborted) {
    await Promise.race([synced, io.clock.sleep(EVERY_MS, { signal }).catch(() => {})]);
    if (!isDone && !signal.aborted) report(light, from, log, io);
  }
  const head = await synced;
  if (head !== undefined)
    io.print(`synced     block ${head.number} in ${((io.clock.now() - from.at) / 1000).toFixed(1)} s`);
}

function report(light: LightEthereum, from: { at: number; number: number }, log: Logger, io: Io): void {
  const { servers, head } = light.status();
  if (servers.length === 0) {
    log.warn("no LES server is connected yet; is --peer right, and does it serve light clients?");
    return;
  }
  const highest = Math.max(...servers.map((server) => server.head.number));
  const rate = (head.number - from.number) / Math.max(0.001, (io.clock.now() - from.at) / 1000);
  const left = rate > 0 ? `${Math.ceil((highest - head.number) / rate)} s` : "unknown";
  log.info("headers", {
    block: head.number,
    of: highest,
    perSecond: Math.round(rate),
    left,
    servers: servers.length,
  });
}

/** Says how far a sync is, with rate and time left, as long as one is under way; until the user asks to stop. */
export async function followChain(ethereum: Ethereum, log: Logger, io: Io): Promise<void> {
  const signal = io.stopping;
  let last: { at: number; number: number } | undefined;
  while (!signal.aborted) {
    await io.clock.sleep(EVERY_MS, { signal }).catch(() => {});
    const progress = signal.aborted ? undefined : ethereum.syncing();
    if (progress === undefined || progress.highestBlock <= progress.currentBlock) {
      last = undefined; // done, or nobody is ahead as far as is known
      continue;
    }
    const { currentBlock: block, highestBlock: of } = progress;
    const now = io.clock.now();
    const rate = last === undefined ? 0 : (block - last.number) / ((now - last.at) / 1000);
    last = { at: now, number: block };
    const left = rate > 0 ? `${Math.ceil((of - block) / rate)} s` : "unknown";
    log.info("syncing", { block, of, perSecond: Math.round(rate), left });
  }
}
