// Every row of every wire table: round trips and garbage (house.md §2.9).
import { les2, les3, les4 } from "#les/protocol";
import { wireTableSuite } from "../kit/wire-suite.ts";

wireTableSuite(les2);
wireTableSuite(les3);
wireTableSuite(les4);
