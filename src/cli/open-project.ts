import { loadConfig } from '../config/load-config.ts';
import { buildPlan } from '../plan/build-plan.ts';
