/** Times and bounds of discovery v4. Times are geth's (p2p/discover/v4_udp.go:50-60@v1.17.5), rates ours (attacks-and-faults DI-02, DI-13). */
export const discv4Limits = {
  /** A reply must come within this. */
  responseTimeoutMs: 500,
  /** The packets of one answer come together: after one that is not full the others must come within this. */
  stragglerMs: 100,
  /** Our packets are valid for so long. */
  expirationSeconds: 20,
  /** A packet whose expiry lies farther ahead was not made for now (DI-03). */
  maxExpiryAheadSeconds: 86_400,
  /** How long an answered ping proves an endpoint: the specification's 12 hours, where geth has 24. */
  bondSeconds: 12 * 3600,
  /** Packets are at most so long; `headBytes` of it are hash and signature. */
  maxPacketBytes: 1280,
  headBytes: 97,
  /** Nodes that fit one neighbors packet with the longest addresses. */
  neighborsPerPacket: 12,
  /** BOUNDED: requests of ours that wait for a reply; past it the oldest is given up. */
  pending: 1024,
  /** Neighbors packets looked at for one request. */
  neighborsPackets: 16,
  /** Unasked packets a minute from one address outside our networks, and from its /24 (IPv6: /48). */
  perAddressPerMinute: 60,
  perSubnetPerMinute: 600,
  /** BOUNDED: addresses and subnets whose rate is known; the one seen longest ago is forgotten. */
  trackedAddresses: 16_384,
  /** BOUNDED: packets that wait for their signature to be looked at; past it the oldest is dropped. */
  queue: 256,
  /** Part of one core that packets may take, and how much of it may be saved up. */
  workShare: 0.2,
  workBurstMs: 4,
  /** A packet counts as so much work at least. */
  minWorkMs: 0.125,
  /** One ping back in this time to an endpoint that has not proven itself (A6). */
  pingBackMs: 60_000,
  /** BOUNDED: endpoints that were pinged back lately. */
  pingBacks: 4096,
  /** Requests without answer, one after the other, after which the clock is doubted, and how often that is said (DI-17). */
  clockDoubtTimeouts: 32,
  clockDoubtEveryMs: 600_000,
  /** How often what was not seen for a day is dropped from the database. */
  expiryMs: 3_600_000,
} as const;
