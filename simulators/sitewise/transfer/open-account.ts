import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder, silentLogger, systemClock, TwinError } from '../../../shared/core/index.js';
import { Account } from '../resources/account.js';

/**
 * Opens a store that no server has open.
 *
 * @param create whether a folder without a store becomes one
 * @throws TwinError `NOT_FOUND`, `ALREADY_RUNNING`
 */
export async function withAccount<T>(
  dataDir: string,
  create: boolean,
  use: (account: Account) => Promise<T>,
): Promise<T> {
  if (!create && !existsSync(join(dataDir, 'store'))) {
    throw new TwinError(
      'NOT_FOUND',
      `There is no SiteWise store in ${dataDir}: name the folder that was given to "sitewise serve --data".`,
    );
  }
  const lock = await lockFolder(dataDir, 'SiteWise data folder');
  try {
    const account = new Account({
      dataDir: join(dataDir, 'store'),
      clock: systemClock,
      logger: silentLogger,
      activationMs: 0,
      accountId: '123456789012',
      region: 'us-east-1',
    });
    try {
      return await use(account);
    } finally {
      await account.close();
    }
  } finally {
    await lock.close();
  }
}
