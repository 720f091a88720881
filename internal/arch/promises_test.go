package arch

import (
	"go/ast"
	"go/parser"
	"strings"
	"testing"
)

// promises lists what other tools of this trade got wrong, and the tests that hold it here: a promise
// whose test was renamed away fails.
func promises() map[string][]string {
	return map[string][]string{
		"a mask hits its column by name, in partitions and children of any column order": {
			"TestPartitionsAreMaskedByNameNotByPosition", "TestPartitionsAreMaskedByColumnName"},
		"same key, same input, same output: in every run, table, chunking and worker count": {
			"TestMaskingKnowsNoChunks", "TestEqualValuesMeetUnderOneDomainWhereverTheyStand", "TestVersionOneIsFrozen", "TestRefreshCarriesASampleAndNobodyInIt"},
		"TRUNCATE, DROP and ALTER of a table not yet read wait or fail, and never empty it": {
			"TestNobodyEmptiesOrAltersATableBeforeItIsRead", "TestAChangeAfterTheDecisionIsNamed"},
		"one exported snapshot for the whole run, all schemas": {
			"TestOneInstantForAllTables", "TestOneInstantForAllTablesAndSchemas"},
		"done means that every table, index, constraint and sequence arrived": {
			"TestVerifyFindsWhatIsLost", "TestAKeyThatDoesNotHoldIsNamedAndNothingIsPublished", "TestRunFailsClosedAtEveryOperation", "TestPagilaArrivesWhole"},
		"no key, no run; never an unsalted hash": {
			"TestAPlanWithoutAKeyCannotBeRun", "TestAKeyedMaskIsNotMadeWithoutAKey", "TestNothingIsDerivedFromNoKey"},
		"a column, table or JSON key that nobody decided is refused before anything is touched": {
			"TestANewColumnIsRefusedAndNothingIsTouched", "TestEveryColumnIsDecidedOrFound", "TestWhatNoPathDecidesFailsTheRunByPlaceAndNeverByName"},
		"a mask that cannot keep a unique column unique is refused before the run": {
			"TestCases", "TestCapacityShrinksWithTheColumn", "TestUniqueMasksKeepManyValuesApart"},
		"a mask that would cover nothing is an error": {
			"TestConstantsAreCheckedBeforeTheRun", "TestCases"},
		"an error of a mask fails the run and names the place, never the value": {
			"TestAMaskThatErrsPublishesNothingAndQuotesNothing", "TestAMaskErrorNamesThePlaceAndStopsTheTable"},
		"malformed values are masked: no crash, no pass": {
			"TestTheServerTakesWhateverAMaskWrites", "TestAccountMasksKeepTheLaws", "TestWordMasksKeepTheLaws", "TestFreeTextKeepsTheLaws"},
		"identities, serials and generated columns arrive; sequences stand past the data": {
			"TestTheHardSchemaArrivesWhole", "TestSequencesGoOnPastMaskedKeys"},
		"a key and all that refers to it have one mask and one domain, whatever their types": {
			"TestKeysOfOtherTypesStayJoined", "TestMaskKeepsForeignKeysJoined"},
		"tables of 0 rows, 0 columns, 1,600 columns, without a key; an empty database": {
			"TestOddTablesArrive", "TestAnEmptyDatabaseIsPublished"},
		"originals never reach stdout, logs, errors or files": {
			"TestAMaskThatErrsPublishesNothingAndQuotesNothing", "TestNoErrorOfTheServerQuotesAValue", "TestRowsThatFailLeaveNothingAndSayNoValue"},
		"a policy that hides rows is refused, never a smaller copy": {
			"TestAPolicyThatHidesRowsIsRefused", "TestNoReaderSeesAPartOfTheRows"},
		"the copy is not wired to production, and no password of production's arrives": {
			"TestNothingOfTheCopyIsWiredToProduction", "TestNoJobOfPgCronArrives"},
		"what does not fit is found before the bulk": {
			"TestRowsThatDoNotFitAreFoundBeforeTheBulk"},
		"a half-built database is closed to everybody": {
			"TestNoReaderSeesAPartOfTheRows", "TestARefreshArrivesWholeAndServes"},
		"the old environment serves until the new one is verified, whatever fails": {
			"TestRunFailsClosedAtEveryOperation", "TestRunKeepsWhatServesWhenRowsAreLost", "TestADiskThatIsFullLeavesTheOldServing"},
		"a look writes nothing, anywhere": {
			"TestLookingWritesNothing"},
		"killed at any moment, the old or the new serves, and the next run cleans up": {
			"TestKilledAtAnyMomentTheOldOrTheNewServes", "TestKilledInsideTheSwapTheOldOrTheNewServes", "TestARunThatDiesAnywhereLeavesTheOldServingAndTheNextCleansUp", "TestAKilledServerServesOldOrNewAndTheNextRunSucceeds"},
		"production is never a target, by whatever name it is reached": {
			"TestProductionIsNeverATarget", "TestARestoredCopyOfProductionIsToldFromProduction", "TestAStandbyOfTheTargetsServerIsKnownAsProduction"},
	}
}

// TestEveryPromiseHasItsTest holds that the tests named for each promise exist.
func TestEveryPromiseHasItsTest(t *testing.T) {
	tests := map[string]bool{}
	for _, files := range packages(t) {
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				continue
			}
			_, parsed := parse(t, file, parser.SkipObjectResolution)
			for _, decl := range parsed.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					tests[f.Name.Name] = true
				}
			}
		}
	}
	for promise, names := range promises() {
		for _, name := range names {
			if !tests[name] {
				t.Errorf("%s: no test is called %s", promise, name)
			}
		}
	}
}
