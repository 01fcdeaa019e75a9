import { dirname, resolve } from 'node:path';
import {
  type DeploymentConfig,
  deploymentSchema,
  type FleetConfig,
  fleetSchema,
  loadConfig,
  type TwinDefinition,
  twinSchema,
} from '../../shared/config/index.js';
import { withDrawing } from '../../shared/twin/definition/picture-file.js';

/** A deployment with its fleet. */
export interface DeploymentFiles {
  config: DeploymentConfig;
  fleet: FleetConfig;
  fleetPath: string;
}

/** Reads a deployment and its fleet. @throws TwinError `FILE_NOT_FOUND`; ConfigError */
export async function readDeploymentFiles(path: string): Promise<DeploymentFiles> {
  const config = await loadConfig(deploymentSchema, path, 'deployment');
  const fleetPath = resolve(dirname(resolve(path)), config.fleet);
  return { config, fleet: await loadConfig(fleetSchema, fleetPath, 'fleet'), fleetPath };
}

/** The definitions of a fleet's twins, and where they lie. @throws as {@link readDeploymentFiles} */
export async function readTwins({ fleet, fleetPath }: DeploymentFiles): Promise<{
  twins: ReadonlyMap<string, TwinDefinition>;
  twinPaths: ReadonlyMap<string, string>;
}> {
  const twins = new Map<string, TwinDefinition>();
  const twinPaths = new Map<string, string>();
  for (const [name, twin] of Object.entries(fleet.twins)) {
    const twinPath = resolve(dirname(fleetPath), twin);
    twinPaths.set(name, twinPath);
    const read = await loadConfig(twinSchema, twinPath, 'twin');
    twins.set(name, await withDrawn(read, twinPath));
  }
  return { twins, twinPaths };
}

/** A definition with what its picture's file holds in place of its path. */
async function withDrawn(read: TwinDefinition, path: string): Promise<TwinDefinition> {
  if (read.picture === undefined) return read;
  return { ...read, picture: await withDrawing(read.picture, path) };
}
