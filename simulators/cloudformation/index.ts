export { type Deployed, type DeployReport, deployAssembly, readDeployed } from './deploy.js';
export { isAllowed, type PolicyStatement } from './policies.js';
export {
  deployLocally,
  folderOfStore,
  type JobEntry,
  type PreparedJob,
  type Rehearsal,
  type RehearsalOptions,
  type RehearsedJob,
  startRehearsal,
} from './rehearsal.js';
export { jobsOf, type Role, rolesOf } from './roles.js';
