// Every row of every wire table: round trips and garbage (house.md §2.9).
import { eth62, eth63, eth64, eth65, eth66, eth67, eth68, eth69 } from "#eth/protocols";
import { les2, les3, les4 } from "#les/protocol";
import { wireTableSuite } from "../kit/wire-suite.ts";

wireTableSuite(les2);
wireTableSuite(les3);
wireTableSuite(les4);

wireTableSuite(eth62);
wireTableSuite(eth63);
wireTableSuite(eth64);
wireTableSuite(eth65);
wireTableSuite(eth66);
wireTableSuite(eth67);
wireTableSuite(eth68);
wireTableSuite(eth69);
