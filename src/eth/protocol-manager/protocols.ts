import {
  type EthChain,
  EthProtocolError,
  type EthVersion,
  ethTable,
  ethVersions,
  forkEntryOf,
  hasMessage,
  isOnOurChain,
} from "#eth/protocols";
import type { MsgReadWriter, Peer, Protocol } from "#p2p";
import type { ChainConfig } from "#params";
import { orAborted } from "#util";

/** Whoever runs the connections of these protocols: a ProtocolManager. */
export interface ProtocolHandler {
  runPeer(version: EthVersion, peer: Peer, rw: MsgReadWriter, signal: AbortSignal): Promise<void>;
  /** The first synchronisation is still to fetch the state. */
  readonly fastSync: boolean;
  /** What the node record tells, and found nodes are measured by. */
  readonly chain: EthChain;
  nodeInfo(): unknown;
  peerInfo(id: string): unknown;
}

/**
 * Versions to offer, newest first. Before the merge up to eth/68, whose peers tell their total difficulty; in fast sync only eth/63 to 66,
 * which have the state's nodes: the highest common version is spoken, so that a geth 1.11.6 offered eth/68 would give none (geth
 * eth/handler.go:140@v1.8.27 leaves eth/62 out). On a chain with a merge eth/69 and 68: who still speaks less left it long ago.
 */
export function offeredVersions(
  config: ChainConfig,
  { fastSync }: { readonly fastSync: boolean },
): readonly EthVersion[] {
  if (config.terminalTotalDifficulty !== undefined) return [69, 68];
  return ethVersions.filter((version) => version < 69 && (!fastSync || hasMessage(version, "getNodeData")));
}

/**
 * One protocol a version: those of `versions`, or those of the chain, of which each connection is offered what fast sync, as it then stands,
 * can use. The handler may come later than the p2p server: a peer that connects before waits until `ready`, since one
 * that was turned away would come back only after half a minute.
 */
export function ethProtocols(
  chain: {
    readonly config: ChainConfig;
    readonly fastSync: boolean;
    readonly versions?: readonly EthVersion[] | undefined;
  },
  handler: () => ProtocolHandler | undefined,
  ready: Promise<void> = Promise.resolve(),
): readonly Protocol[] {
  const { config, versions } = chain;
  const offered = () =>
    versions ?? offeredVersions(config, { fastSync: handler()?.fastSync ?? chain.fastSync });
  return (versions ?? offeredVersions(config, { fastSync: false })).map((version) => {
    const { name, length, maxMessageBytes, messageName } = ethTable(version);
    return {
      ...{ name, version, length, maxMessageBytes, messageName },
      async run(peer, rw, signal) {
        await orAborted(ready, signal);
        const running = handler();
        if (running === undefined) throw EthProtocolError("QUITTING");
        await running.runPeer(version, peer, rw, signal);
      },
      isOffered: () => offered().includes(version),
      attributes() {
        const chain = handler()?.chain;
        return chain === undefined ? [] : [forkEntryOf(chain)];
      },
      isCandidate(node) {
        const chain = handler()?.chain;
        return chain === undefined || isOnOurChain(chain, node);
      },
      nodeInfo: () => handler()?.nodeInfo(),
      peerInfo: (id) => handler()?.peerInfo(id),
    };
  });
}
