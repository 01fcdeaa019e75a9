import { App } from 'aws-cdk-lib';
import { packageFile } from '../../shared/core/index.js';
import { buildApp, loadDeployment } from './build-app.js';

// The CDK command line starts this; `-c config=FILE` names another deployment.
const app = new App();
const path = app.node.tryGetContext('config') as string | undefined;
buildApp(await loadDeployment(path ?? packageFile('cloud/deploy/deployment.json')), app).synth();
