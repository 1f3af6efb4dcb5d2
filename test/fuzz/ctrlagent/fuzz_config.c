// SPDX-License-Identifier: Apache-2.0
// Any bytes as configuration file: either errors, each a line that begins with the file's name, or
// a configuration from which a plan can be made, and to which the way from itself is empty.
#include "config/config.h"
#include "reconcile/plan.h"

#include "../require.h"

static void check_errors(const char *errors)
{
	require(errors && errors[0]);
	require(strncmp(errors, "f:", 2) == 0);
}

static void check_plan(const struct config *config)
{
	struct model nothing = {0}, first, again;
	struct model_ids ids = {0};
	struct plan plan;

	model_desire(config, &nothing, &ids, &first);
	plan_make(&plan, &nothing, &first);
	require(plan.ops.count >= 1 + first.tenants.count + first.ports.count + first.vteps.count);
	plan_free(&plan);
	model_desire(config, &first, &ids, &again);
	plan_make(&plan, &first, &again);
	require(plan.ops.count == 0 && !plan.text.len);
	plan_free(&plan);
	model_free(&first);
	model_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *errors = NULL;
	struct config *config = config_parse("f", (const char *)data, size, &errors);

	if (config)
		check_plan(config);
	else
		check_errors(errors);
	config_free(config);
	free(errors);
	return 0;
}
