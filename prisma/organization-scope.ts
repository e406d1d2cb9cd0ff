import type { Prisma, Database, Queryable } from './database.js';

/** The models that have a column for their organisation. */
const OWNED_MODELS = new Set(['Node', 'NodeApiKey', 'ApiToken', 'Attempt']);
/** Operations that take `data` and no `where`. */
const CREATIONS = new Set(['create', 'createMany', 'createManyAndReturn']);

/** A query would leave its organisation. That is a bug, never the caller's fault. */
export class ScopeError extends Error {
  override readonly name = 'ScopeError';
}

/** Statements that are limited to one organisation. */
export interface ScopedStatements {
  readonly organizationId: string;
  /**
   * @returns the statement's rows
   * @throws ScopeError if the organisation's id is not among the statement's values
   */
  query<Row>(statement: Prisma.Sql): Promise<Row[]>;
  /**
   * @returns how many rows the statement changed
   * @throws ScopeError as {@link query} does
   */
  execute(statement: Prisma.Sql): Promise<number>;
}

/**
 * One organisation's view of the database, which a request gets instead of the database itself, so that a handler can't
 * forget whose rows it means.
 */
export interface OrganizationScope extends ScopedStatements {
  /** The models that an organisation owns. Every operation is limited to its rows; any other model is refused. */
  readonly models: Pick<Database, 'node' | 'nodeApiKey' | 'apiToken' | 'attempt'>;
}

export function forOrganization(database: Database, organizationId: string): OrganizationScope {
  let models: OrganizationScope['models'] | undefined;
  return {
    ...statementsOf(database, organizationId),
    get models() {
      return (models ??= scopedModels(database, organizationId));
    },
  };
}

export function statementsOf(database: Queryable, organizationId: string): ScopedStatements {
  return {
    organizationId,
    async query<Row>(statement: Prisma.Sql) {
      requireOrganization(statement, organizationId);
      return database.$queryRaw<Row[]>(statement);
    },
    async execute(statement: Prisma.Sql) {
      requireOrganization(statement, organizationId);
      return database.$executeRaw(statement);
    },
  };
}

function requireOrganization(statement: Prisma.Sql, organizationId: string) {
  if (!statement.values.includes(organizationId)) {
    throw new ScopeError(`statement is not limited to an organisation: ${statement.sql}`);
  }
}

function scopedModels(database: Database, organizationId: string): OrganizationScope['models'] {
  const client = database.$extends({
    query: {
      $allModels: {
        async $allOperations({ model, operation, args, query }) {
          if (!OWNED_MODELS.has(model)) throw new ScopeError(`${model} can't be reached through an organisation`);
          return query(scopeArguments(operation, args, organizationId));
        },
      },
    },
  });
  return client as unknown as OrganizationScope['models'];
}

interface Arguments {
  where?: object;
  data?: object | object[];
  create?: object;
}

function scopeArguments(operation: string, args: Arguments, organizationId: string): Arguments {
  const own = (data: object) => ({ ...data, organizationId });
  const scoped: Arguments = { ...args };
  if (!CREATIONS.has(operation)) scoped.where = { ...args.where, organizationId };
  if (args.create) scoped.create = own(args.create);
  if (args.data) scoped.data = Array.isArray(args.data) ? args.data.map(own) : ownData(operation, args.data, own);
  return scoped;
}

/** An update without `organizationId` leaves it as it is; an update with it must not move the row to another one. */
function ownData(operation: string, data: object, own: (data: object) => object): object {
  return CREATIONS.has(operation) || 'organizationId' in data ? own(data) : data;
}
