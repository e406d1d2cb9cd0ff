/** How searches read the pages of their lines. */
import type { Queryable } from '../../prisma/database.js';
import { statementsOf } from '../../prisma/organization-scope.js';
import { readPagesOfLines } from '../../prisma/queries/search/pages-of-lines.js';
import { searchHere, type Searcher } from '../../search/searcher.js';
import type { ReadPages } from '../../search/search-lines.js';
import type { AppDependencies } from '../dependencies.js';

/** Unzipped. A part has less, unless its log has been replaced since it was cut. */
const READ_RAW_BYTES = 4 * 1024 * 1024;

export function pagesReader(database: Queryable): ReadPages {
  return ({ organizationId, executionId, direction, outputType, ranges }) =>
    readPagesOfLines(statementsOf(database, organizationId), {
      ...{ executionId, direction, outputType, ranges },
      rawBytes: READ_RAW_BYTES,
    });
}

export function searcherOf({ searcher, database }: AppDependencies): Searcher {
  return searcher ?? searchHere(pagesReader(database));
}
