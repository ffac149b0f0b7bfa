// long: a table: every option of a node in one place
/** How an option's value looks, in a config object and as a flag. */
export type OptionKind = "text" | "port" | "count" | "bool" | "list" | "networkId" | "key";

/** One option. The table is read by the parser, the CLI (flags, help) and the docs. */
export interface OptionRow {
  /** Place in the public config: `http.port`. */
  readonly path: string;
  /** The seed's name for the same field, if it differs; also accepted. */
  readonly seed?: string;
  readonly kind: OptionKind;
  readonly default: string | number | boolean | readonly string[] | undefined;
  readonly unit?: string;
  /** Command-line flag, geth's name. */
  readonly flag?: string;
  /** Key in a TOML file (geth's). */
  readonly toml?: string;
  readonly doc: string;
}

export const configTable: readonly OptionRow[] = [
  {
    path: "name",
    kind: "text",
    default: "",
    doc: "Instance name: a folder in the data directory, and part of the client name. Default: the program's name.",
  },
  {
    path: "userIdent",
    kind: "text",
    default: "",
    flag: "identity",
    toml: "Node.UserIdent",
    doc: "An extra part of the client name.",
  },
  { path: "version", kind: "text", default: "", doc: "Version of the program, part of the client name." },
  {
    path: "dataDir",
    kind: "text",
    default: "",
    flag: "datadir",
    toml: "Node.DataDir",
    doc: "Folder for everything the node keeps; empty: nothing is written to disk.",
  },
  {
    path: "keyStoreDir",
    kind: "text",
    default: "",
    flag: "keystore",
    toml: "Node.KeyStoreDir",
    doc: "Folder of key files; default: keystore in the data directory.",
  },
  {
    path: "useLightweightKdf",
    kind: "bool",
    default: false,
    flag: "lightkdf",
    toml: "Node.UseLightweightKDF",
    doc: "Encrypt new keys with less work.",
  },
  {
    path: "noUsb",
    kind: "bool",
    default: false,
    flag: "nousb",
    toml: "Node.NoUSB",
    doc: "Do not look for hardware wallets.",
  },
  {
    path: "ipcPath",
    kind: "text",
    default: "",
    flag: "ipcpath",
    toml: "Node.IPCPath",
    doc: "IPC socket: a bare name lies in the data directory; empty: no IPC.",
  },
  {
    path: "networkId",
    kind: "networkId",
    default: undefined,
    flag: "networkid",
    toml: "Eth.NetworkId",
    doc: "What net_version answers; default: what the first service says.",
  },
  {
    path: "http.host",
    seed: "httpHost",
    kind: "text",
    default: "",
    flag: "http.addr",
    toml: "Node.HTTPHost",
    doc: "Address the HTTP endpoint listens on; empty: no HTTP.",
  },
  {
    path: "http.port",
    seed: "httpPort",
    kind: "port",
    default: 0,
    flag: "http.port",
    toml: "Node.HTTPPort",
    doc: "TCP port of HTTP; 0 takes a free one.",
  },
  {
    path: "http.cors",
    seed: "httpCors",
    kind: "list",
    default: [],
    flag: "http.corsdomain",
    toml: "Node.HTTPCors",
    doc: "Origins that may read replies in a browser; * for all.",
  },
  {
    path: "http.vhosts",
    seed: "httpVirtualHosts",
    kind: "list",
    default: ["localhost"],
    flag: "http.vhosts",
    toml: "Node.HTTPVirtualHosts",
    doc: "Host names accepted in requests (HTTP and WebSocket), beside IP addresses; * for all.",
  },
  {
    path: "http.modules",
    seed: "httpModules",
    kind: "list",
    default: [],
    flag: "http.api",
    toml: "Node.HTTPModules",
    doc: "Namespaces served over HTTP; empty: all that are public.",
  },
  {
    path: "ws.host",
    seed: "wsHost",
    kind: "text",
    default: "",
    flag: "ws.addr",
    toml: "Node.WSHost",
    doc: "Address the WebSocket endpoint listens on; empty: no WebSocket.",
  },
  {
    path: "ws.port",
    seed: "wsPort",
    kind: "port",
    default: undefined,
    flag: "ws.port",
    toml: "Node.WSPort",
    doc: "TCP port of WebSocket; left out: shared with HTTP where that is open; 0 takes a free one.",
  },
  {
    path: "ws.origins",
    seed: "wsOrigins",
    kind: "list",
    default: [],
    flag: "ws.origins",
    toml: "Node.WSOrigins",
    doc: "Origins accepted; empty: http://localhost and this machine's name; * for all.",
  },
  {
    path: "ws.modules",
    seed: "wsModules",
    kind: "list",
    default: [],
    flag: "ws.api",
    toml: "Node.WSModules",
    doc: "Namespaces served over WebSocket; empty: all that are public.",
  },
  {
    path: "ws.exposeAll",
    seed: "wsExposeAll",
    kind: "bool",
    default: false,
    toml: "Node.WSExposeAll",
    doc: "Serve every namespace over WebSocket, private ones too. Only in a trusted network.",
  },
  {
    path: "p2p.privateKey",
    kind: "key",
    default: undefined,
    flag: "nodekey",
    doc: "Identity, 32 bytes; default: the key file in the instance directory.",
  },
  {
    path: "p2p.maxPeers",
    kind: "count",
    default: 50,
    flag: "maxpeers",
    toml: "Node.P2P.MaxPeers",
    doc: "Most peers at once.",
  },
  {
    path: "p2p.maxPendingPeers",
    kind: "count",
    default: 50,
    flag: "maxpendpeers",
    toml: "Node.P2P.MaxPendingPeers",
    doc: "Most inbound handshakes at once.",
  },
  {
    path: "p2p.dialRatio",
    kind: "count",
    default: 3,
    toml: "Node.P2P.DialRatio",
    doc: "One in so many peers is dialled by us.",
  },
  {
    path: "p2p.noDiscovery",
    kind: "bool",
    default: true,
    flag: "nodiscover",
    toml: "Node.P2P.NoDiscovery",
    doc: "Do not search for nodes.",
  },
  {
    path: "p2p.noDial",
    kind: "bool",
    default: false,
    toml: "Node.P2P.NoDial",
    doc: "Dial static nodes only.",
  },
  {
    path: "p2p.listenAddr",
    kind: "text",
    default: "",
    flag: "port",
    toml: "Node.P2P.ListenAddr",
    doc: "host:port for peers, :port for all addresses; empty: no listener.",
  },
  {
    path: "p2p.staticNodes",
    kind: "list",
    default: undefined,
    toml: "Node.P2P.StaticNodes",
    doc: "Enode URLs always kept connected; left out: static-nodes.json.",
  },
  {
    path: "p2p.trustedNodes",
    kind: "list",
    default: undefined,
    toml: "Node.P2P.TrustedNodes",
    doc: "Enode URLs admitted over every cap; left out: trusted-nodes.json.",
  },
  {
    path: "p2p.netRestrict",
    kind: "list",
    default: undefined,
    flag: "netrestrict",
    toml: "Node.P2P.NetRestrict",
    doc: "Networks (CIDR) peers must be in.",
  },
  {
    path: "p2p.enableMsgEvents",
    kind: "bool",
    default: false,
    toml: "Node.P2P.EnableMsgEvents",
    doc: "Report every message as a peer event.",
  },
  {
    path: "p2p.acceptPlainHandshake",
    kind: "bool",
    default: false,
    doc: "Accept the handshake from before EIP-8.",
  },
  {
    path: "p2p.externalIp",
    kind: "text",
    default: undefined,
    flag: "nat.extip",
    doc: "Address told in our enode URL.",
  },
];
