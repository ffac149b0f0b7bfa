/**
 * config: options as rows of a table. From a row come the default, the check, the flag, the environment variable, the TOML
 * key and the help of an option; from all rows, a configuration file is read and written.
 *
 *   flags (readArguments) > environment (readVariables) > file (readConfigFile) > default
 *
 * Each layer tells all that is wrong with it, and which of geth's names it passed over. Names of geth that mean nothing here
 * are known (geth-names.ts); those that would make a node less safe if passed over are refused. The only importer of the TOML
 * library. Not here: the rows (`#node` for a node's, `cli` for a command's).
 */
export { gethKeys, gethSwitches, gethValueFlags, unsafeToIgnore } from "./geth-names.ts";
export { nearestName } from "./nearest.ts";
export {
  categories,
  type Category,
  type OptionKind,
  type OptionRow,
  variableOf,
  wantedInstead,
} from "./option.ts";
export {
  type Layer,
  nearestFlag,
  readArguments,
  readConfigFile,
  readVariables,
  rowsByFlag,
  type Setting,
  type SettingProblem,
} from "./settings.ts";
export { formatDuration, isSwitch, parseDuration, parseOptionText, splitList } from "./text.ts";
export { formatToml, toToml } from "./toml.ts";
