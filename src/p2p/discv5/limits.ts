/** Times and bounds of discovery v5.1. Times are geth's (p2p/discover/v5_udp.go, v5_talk.go@v1.17.5), bounds ours (attacks-and-faults DI-09 to DI-12). */
export const discv5Limits = {
  /** Bytes of a packet. */
  minPacketBytes: 63,
  maxPacketBytes: 1280,
  /** A reply, and each further packet of one, must come within this. */
  responseTimeoutMs: 700,
  /** A challenge we sent is good for so long; it is repeated, not renewed, to who comes again meanwhile. */
  challengeMs: 1_000,
  /** BOUNDED: sessions by node and endpoint, and challenges under way. */
  sessions: 1024,
  challenges: 1024,
  /** NODES packets of an answer, nodes of it, and nodes that we answer with. */
  nodesPackets: 5,
  nodes: 16,
  /** Bytes of records in one NODES packet. */
  nodesBytes: 1_000,
  /** Distances of one question that are looked at. */
  distances: 256,
  /** Distances asked of a node on a lookup. */
  lookupDistances: 3,
  /** BOUNDED: requests that wait for their turn or reply, of one node and in all. */
  callsPerNode: 16,
  calls: 1024,
  requestIdBytes: 8,
  /** TALKREQ: handlers at work, how long one waits for its turn, and how long it may take. */
  talkHandlers: 1024,
  talkWaitMs: 400,
  talkMs: 5_000,
  /** Handshakes a second that are looked at: each costs a signature and a point multiplication, about 0.3 ms. */
  handshakesPerSecond: 100,
  /** Of these, the shares of one /24 (IPv6: /64) and one /16 (IPv6: /48): none may take what the others need. */
  handshakesPerSubnet: 10,
  handshakesPerNetwork: 40,
  /** BOUNDED: networks of each size whose share is known; the one seen longest ago is forgotten. */
  trackedNetworks: 4_096,
  /** Answers to one challenge of ours that may be wrong; then it is void. */
  wrongAnswers: 3,
} as const;
