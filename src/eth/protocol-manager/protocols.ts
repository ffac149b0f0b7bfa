import { EthProtocolError, type EthVersion, ethTable, ethVersions } from "#eth/protocols";
import type { MsgReadWriter, Peer, Protocol } from "#p2p";
import type { ChainConfig } from "#params";
import { orAborted } from "#util";

/** Whoever runs the connections of these protocols: a ProtocolManager. */
export interface ProtocolHandler {
  runPeer(version: EthVersion, peer: Peer, rw: MsgReadWriter, signal: AbortSignal): Promise<void>;
  nodeInfo(): unknown;
  peerInfo(id: string): unknown;
}

/**
 * Versions to offer, newest first. Before the merge up to eth/68, whose peers tell their total difficulty; eth/62 has no state, so not in
 * fast sync (geth eth/handler.go:140@v1.8.27). On a chain with a merge eth/69 and 68: who still speaks less left it long ago.
 */
export function offeredVersions(
  config: ChainConfig,
  { fastSync }: { readonly fastSync: boolean },
): readonly EthVersion[] {
  if (config.terminalTotalDifficulty !== undefined) return [69, 68];
  return ethVersions.filter((version) => version < 69 && (version > 62 || !fastSync));
}

/**
 * One protocol a version. The handler may come later than the p2p server: a peer that connects before waits until `ready`, since one
 * that was turned away would come back only after half a minute.
 */
export function ethProtocols(
  versions: readonly EthVersion[],
  handler: () => ProtocolHandler | undefined,
  ready: Promise<void> = Promise.resolve(),
): readonly Protocol[] {
  return versions.map((version) => {
    const { name, length, maxMessageBytes } = ethTable(version);
    return {
      ...{ name, version, length, maxMessageBytes },
      async run(peer, rw, signal) {
        await orAborted(ready, signal);
        const running = handler();
        if (running === undefined) throw EthProtocolError("QUITTING");
        await running.runPeer(version, peer, rw, signal);
      },
      nodeInfo: () => handler()?.nodeInfo(),
      peerInfo: (id) => handler()?.peerInfo(id),
    };
  });
}
