// long: a table: names of geth's flags and keys
/**
 * Flags and TOML keys of geth 1.9 to 1.17 (cmd/utils/flags*.go, internal/debug/flags.go and the structs of `dumpconfig` at
 * v1.9.25, v1.10.26, v1.11.6, v1.17.5: each list ends with what 1.17.5 added). What glim has a row for is read by that row; the rest is known by name only: accepted, told
 * once, without effect. What would make a node less safe if it had no effect is refused: `unsafeToIgnore`.
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Flags that take no value. */
export const gethSwitches: ReadonlySet<string> = new Set(
  words(`
  allow-insecure-unlock cache.noprefetch debug dev ethash.cacheslockmmap ethash.dagslockmmap exitwhensynced
  fakepow fast goerli graphql http ignore-legacy-receipts incompletes ipcdisable iterative kiln light light.nopruning
  light.nosyncserve lightkdf log.compress log.debug log.json log.rotate mainnet metrics metrics.expensive metrics.influxdb
  metrics.influxdbv2 mine miner.notify.full miner.noverify nocode nocompaction nodiscover nostorage nousb pprof rinkeby
  ropsten rpc rpc.allow-unprotected-txs rpc.enabledeprecatedpersonal sepolia shh shh.restrict-light snapshot testnet
  txpool.nolocals ulc.onlyannounce usb v5disc vmdebug ws yolov2 yolov3

  dashboard override.terminaltotaldifficultypassed

  beacon.nofilter discovery.v4 discv4 history.logs.disable holesky hoodi pyroscope rpc.telemetry snap.v2
  state.size-tracking stateless-self-validation vmwitnessstats
`),
);

/** Flags that take a value. */
export const gethValueFlags: ReadonlySet<string> = new Set(
  words(`
  authrpc.addr authrpc.jwtsecret authrpc.port authrpc.vhosts backtrace blockprofilerate bloomfilter.size bootnodes
  bootnodesv4 bootnodesv5 cache cache.blocklogs cache.database cache.gc cache.snapshot cache.trie cache.trie.journal
  cache.trie.rejournal config cpuprofile datadir datadir.ancient datadir.minfreedisk db.engine dev.gaslimit dev.period
  discovery.dns discovery.port docroot eth.requiredblocks ethash.cachedir ethash.cachesinmem ethash.cachesondisk
  ethash.dagdir ethash.dagsinmem ethash.dagsondisk etherbase ethstats exec extradata fdlimit gasprice gcmode gpo.blocks
  gpo.ignoreprice gpo.maxprice gpo.percentile gpoblocks gpopercentile graphql.addr graphql.corsdomain graphql.port
  graphql.vhosts header http.addr http.api http.corsdomain http.port http.rpcprefix http.vhosts identity ipcpath jspath
  keystore light.egress light.ingress light.maxpeers light.serve lightpeers lightserv log.backtrace log.file log.format
  log.maxage log.maxbackups log.maxsize log.vmodule maxpeers maxpendpeers memprofilerate metrics.addr
  metrics.influxdb.bucket metrics.influxdb.database metrics.influxdb.endpoint metrics.influxdb.organization
  metrics.influxdb.password metrics.influxdb.tags metrics.influxdb.token metrics.influxdb.username metrics.port
  miner.etherbase miner.extradata miner.gaslimit miner.gasprice miner.gastarget miner.newpayload-timeout miner.notify
  miner.recommit miner.threads minerthreads nat netrestrict networkid nodekey nodekeyhex override.shanghai
  override.terminaltotaldifficulty password pcscdpath port pprof.addr pprof.blockprofilerate pprof.cpuprofile
  pprof.memprofilerate pprof.port pprofaddr pprofport preload remotedb rpc.evmtimeout rpc.gascap rpc.txfeecap rpcaddr rpcapi
  rpccorsdomain rpcport rpcvhosts shh.maxmessagesize shh.pow signer syncmode synctarget targetgaslimit trace txlookuplimit
  txpool.accountqueue txpool.accountslots txpool.globalqueue txpool.globalslots txpool.journal txpool.lifetime txpool.locals
  txpool.pricebump txpool.pricelimit txpool.rejournal ulc.fraction ulc.servers unlock verbosity vm.evm vm.ewasm vmodule
  whitelist ws.addr ws.api ws.origins ws.port ws.rpcprefix wsaddr wsapi wsorigins wsport

  dashboard.addr dashboard.host dashboard.refresh override.berlin override.cancun override.istanbul override.muirglacier
  override.prague override.verkle

  beacon.api beacon.api.header beacon.checkpoint beacon.checkpoint.file beacon.config beacon.genesis.gvroot
  beacon.genesis.time beacon.threshold bintrie.groupdepth blobpool.datacap blobpool.datadir blobpool.fetchprobability
  blobpool.pricebump crypto.kzg datadir.era debug.logslowblock engine.maxreorgdepth go-execution-trace gogc history.chain
  history.logs history.logs.export history.state history.transactions history.trienode
  history.trienode.full-value-checkpoint memorylimit metrics.influxdb.interval miner.maxblobs miner.pending.feeRecipient
  override.amsterdam override.bpo1 override.bpo2 override.genesis override.osaka override.ubt pyroscope.password
  pyroscope.server pyroscope.tags pyroscope.username rpc.batch-request-limit rpc.batch-response-max-size
  rpc.http-body-limit rpc.logquerylimit rpc.rangelimit rpc.telemetry.endpoint rpc.telemetry.instance-id
  rpc.telemetry.password rpc.telemetry.sample-ratio rpc.telemetry.tags rpc.telemetry.username rpc.txsync.defaulttimeout
  rpc.txsync.maxtimeout state.scheme vmtrace vmtrace.jsonconfig
`),
);

const under = (section: string, keys: string) => words(keys).map((key) => `${section}.${key}`);

/** Keys of a configuration file, each with its section. */
export const gethKeys: ReadonlySet<string> = new Set([
  ...under(
    "Eth",
    `NetworkId SyncMode DiscoveryURLs EthDiscoveryURLs SnapDiscoveryURLs NoPruning NoPrefetch TxLookupLimit LightServ
    LightIngress LightEgress LightPeers LightNoPrune LightNoSyncServe SyncFromCheckpoint UltraLightServers
    UltraLightFraction UltraLightOnlyAnnounce DatabaseCache DatabaseFreezer TrieCleanCache TrieCleanCacheJournal
    TrieCleanCacheRejournal TrieDirtyCache TrieTimeout SnapshotCache Preimages FilterLogCacheSize EnablePreimageRecording
    EWASMInterpreter EVMInterpreter RPCGasCap RPCEVMTimeout RPCTxFeeCap Checkpoint CheckpointOracle OverrideShanghai
    HistoryMode TransactionHistory LogHistory LogNoHistory LogExportCheckpoints StateHistory TrienodeHistory
    NodeFullValueCheckpoint StateScheme BinTrieGroupDepth SlowBlockThreshold DatabaseEra LogQueryLimit EnableWitnessStats
    StatelessSelfValidation EnableStateSizeTracking SnapV2 VMTrace VMTraceJsonConfig EngineMaxReorgDepth
    TxSyncDefaultTimeout TxSyncMaxTimeout RangeLimit`,
  ),
  ...under("Eth.BlobPool", "Datadir Datacap PriceBump FetchProbability"),
  ...under(
    "Eth.Miner",
    "Etherbase Notify NotifyFull ExtraData GasFloor GasCeil GasPrice Recommit Noverify NewPayloadTimeout MaxBlobsPerBlock",
  ),
  ...under(
    "Eth.Ethash",
    `CacheDir CachesInMem CachesOnDisk CachesLockMmap DatasetDir DatasetsInMem DatasetsOnDisk DatasetsLockMmap PowMode
    NotifyFull`,
  ),
  ...under(
    "Eth.TxPool",
    `Locals NoLocals Journal Rejournal PriceLimit PriceBump AccountSlots GlobalSlots AccountQueue GlobalQueue Lifetime`,
  ),
  ...under("Eth.GPO", "Blocks Percentile MaxHeaderHistory MaxBlockHistory Default MaxPrice IgnorePrice"),
  ...under(
    "Node",
    `UserIdent DataDir KeyStoreDir ExternalSigner UseLightweightKDF InsecureUnlockAllowed NoUSB USB SmartCardDaemonPath
    IPCPath HTTPHost HTTPPort HTTPCors HTTPVirtualHosts HTTPModules HTTPPathPrefix AuthAddr AuthPort AuthVirtualHosts WSHost GraphQLHost GraphQLPort
    WSPort WSPathPrefix WSOrigins WSModules WSExposeAll GraphQLCors GraphQLVirtualHosts AllowUnprotectedTxs JWTSecret
    BatchRequestLimit BatchResponseMaxSize HTTPBodyLimit DBEngine`,
  ),
  ...under("Node.OpenTelemetry", "Enabled Tags InstanceID Endpoint AuthUser AuthPassword SampleRatio"),
  ...under("Node.HTTPTimeouts", "ReadTimeout ReadHeaderTimeout WriteTimeout IdleTimeout"),
  ...under(
    "Node.P2P",
    `MaxPeers MaxPendingPeers DialRatio NoDiscovery DiscoveryV4 DiscoveryV5 BootstrapNodes BootstrapNodesV5 StaticNodes TrustedNodes
    NetRestrict NodeDatabase ListenAddr DiscAddr NAT NoDial EnableMsgEvents`,
  ),
  ...under("Ethstats", "URL"),
  ...under("Shh", "MaxMessageSize MinimumAcceptedPOW RestrictConnectionBetweenLightClients"),
  ...under(
    "Metrics",
    `Enabled EnabledExpensive HTTP Port EnableInfluxDB InfluxDBEndpoint InfluxDBDatabase InfluxDBUsername InfluxDBPassword
    InfluxDBTags InfluxDBInterval EnableInfluxDBV2 InfluxDBToken InfluxDBBucket InfluxDBOrganization`,
  ),
]);

/**
 * Names that are never passed over, each with what to do instead. A row that reads one takes it off this list by being
 * there; where no row does, it is an error.
 */
export const unsafeToIgnore: ReadonlyMap<string, string> = new Map([
  ["nodekeyhex", "others of this machine can read it there: name its file with --nodekey"],
  ["unlock", "no account is unlocked here"],
  ["allow-insecure-unlock", "no account is unlocked here"],
  ["whitelist", "required blocks are not enforced here"],
  ["eth.requiredblocks", "required blocks are not enforced here"],
  ["netrestrict", "peers are not restricted here"],
  ["signer", "no external signer is asked here"],
  ["rpc.txfeecap", "fees are not capped here"],
  ["ulc.servers", "no server's word is trusted here without proof"],
  ["fakepow", "every seal is checked here"],
  ...words(
    `istanbul muirglacier berlin shanghai terminaltotaldifficulty terminaltotaldifficultypassed cancun verkle prague osaka amsterdam
    bpo1 bpo2 ubt genesis`,
  ).map((fork) => [`override.${fork}`, "forks are those of the genesis file"] as const),
  ...words(
    `Istanbul MuirGlacier Berlin Shanghai TerminalTotalDifficulty TerminalTotalDifficultyPassed Cancun Verkle Prague Osaka Amsterdam
    BPO1 BPO2 UBT`,
  ).map((fork) => [`Eth.Override${fork}`, "forks are those of the genesis file"] as const),
  ["Eth.Genesis", "name the genesis file with --genesis"],
  ["Eth.Whitelist", "required blocks are not enforced here"],
  ["Eth.RequiredBlocks", "required blocks are not enforced here"],
  ["Eth.UltraLightServers", "no server's word is trusted here without proof"],
  ["Node.ExternalSigner", "no external signer is asked here"],
  ["Node.InsecureUnlockAllowed", "no account is unlocked here"],
  ["Node.P2P.NetRestrict", "peers are not restricted here"],
]);
