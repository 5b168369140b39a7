import { nodeBinaries } from '../nodes/index.ts';
import { conformance } from './conformance.ts';

conformance(nodeBinaries);
